// waitid(2) for the members of init's process group, which is 1 inside.
#include <sys/wait.h>

#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

Reply sys_waitid(Call& call) {
  std::array<uint64_t, 6> arguments = call.arguments;
  arguments[1] = static_cast<uint64_t>(call.world.init().value());
  return Reply::in_guest(call.number, arguments);
}

}  // namespace litebox::syscalls
