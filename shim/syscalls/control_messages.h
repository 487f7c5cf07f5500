// The control messages that go with a message of a socket (cmsg(3)), in a copy of the guest's buffer.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <string>

#include "base/result.h"

namespace litebox::syscalls {

// Shows every message to `visit`, as the kernel walks them, with its data, which may be changed. Ends with the first error:
// EINVAL for a message that is not whole.
Status for_each_control_message(std::string& control,
                                const std::function<Status(const cmsghdr& header, char* data, size_t size)>& visit);

// The same message at the end of others (CMSG_SPACE).
void append_control_message(std::string& control, int level, int type, const void* data, size_t size);

}  // namespace litebox::syscalls
