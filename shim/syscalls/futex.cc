// get_robust_list(2) for a thread that the caller names (kernel/futex/syscalls.c).
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

// The kernel reads the list's address, of a member only, and checks that the caller may trace it: with the ids that both have
// on the host, and within their Landlock domain, should the number have passed to an outsider meanwhile.
Reply sys_get_robust_list(Call& call) {
  LITEBOX_OR_REPLY(const HostPid thread, named_thread(call, call.integer(0)));
  std::array<uint64_t, 6> arguments = call.arguments;
  arguments[0] = static_cast<uint64_t>(thread.value());
  return thread.value() == call.integer(0) ? Reply::proceed() : Reply::in_guest(call.number, arguments);
}

}  // namespace litebox::syscalls
