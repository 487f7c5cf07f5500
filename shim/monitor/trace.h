// The system call trace of --debug: each call that the monitor answers, in the manner of strace.
#pragma once

#include <string>

#include "shim/syscalls/call.h"

namespace litebox::monitor {

// "[pid] openat(AT_FDCWD, "/etc/passwd", O_RDONLY)": before the handler runs, while the memory is as the caller made it.
std::string trace_call(const syscalls::Call& call);
// " = 3", " = ? (by the kernel)".
std::string trace_result(syscalls::Reply& reply);

}  // namespace litebox::monitor
