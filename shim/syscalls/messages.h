// One message that a guest sends, copied out of its memory: sendmsg(2).
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/socket_address.h"

namespace litebox::syscalls {

struct Message {
  SocketAddress address;  // as the guest gave it; empty for none
  std::string data;
  std::string control;        // with the monitor's descriptors in the place of the guest's
  std::vector<Fd> held;       // those descriptors
  bool tells_sender = false;  // SCM_CREDENTIALS is among the control messages
};

// Whether sendmsg(2) may go on natively whatever its memory says by then: a path finds nothing in the empty root, or in the
// container's own tree what the caller may reach there, Landlock stops abstract names outside, and the network is the
// container's.
bool may_send_natively(const Call& call);

// Copies the message of a header: EFAULT, EMSGSIZE, EINVAL, EBADF for a descriptor that is not there, EPERM for credentials
// that are not the caller's.
Result<Message> read_message(const Call& call, const msghdr& header);

// Sends it on the monitor's copy of the caller's socket; blocks like the caller would. The result is sendmsg's.
Result<int64_t> send_message(const Call& call, int socket, const Message& message, int flags);

}  // namespace litebox::syscalls
