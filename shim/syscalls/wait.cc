// wait4(2), waitid(2).
//
// A process's own children have the same ids inside and outside, and init is nobody's child, so the kernel answers, whatever
// the arguments are; but what a tracer waits for only the monitor's tracing thread knows.
#include <sys/wait.h>

#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

Reply sys_wait4(Call& call) { return call.world.traces().is_tracer(call.process) ? Reply::by_tracer() : Reply::proceed(); }

Reply sys_waitid(Call& call) {
  if (call.world.traces().is_tracer(call.process)) return Reply::by_tracer();
  if (call.integer(0) != P_PGID || call.integer(1) != 1) return Reply::proceed();
  // Init's group is 1 inside.
  std::array<uint64_t, 6> arguments = call.arguments;
  arguments[1] = static_cast<uint64_t>(call.world.init().value());
  return Reply::in_guest(call.number, arguments);
}

}  // namespace litebox::syscalls
