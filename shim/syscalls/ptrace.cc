// ptrace(2): a thread has one tracer only, and to the kernel that is the monitor (shim/monitor/tracer.h).
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

Reply sys_ptrace(Call& /*call*/) { return Reply::by_tracer(); }

}  // namespace litebox::syscalls
