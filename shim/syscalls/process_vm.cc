// The memory and resources of other members: process_vm_readv(2), process_vm_writev(2), kcmp(2).
//
// Once the named process is known to be a member that the caller may access, the call goes on natively: the process is named
// by a register, and everything else by the caller's own memory. Landlock keeps even a reused number inside the container.
#include <sys/syscall.h>

#include "shim/kernel/permissions.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// The process that the argument at `index` names, with its alias replaced by its number.
Result<HostPid> accessible_process(const Call& call, int index) {
  if (call.integer(index) <= 0) return Error(ESRCH);
  LITEBOX_ASSIGN(const HostPid process, named_thread(call, call.integer(index)));
  LITEBOX_ASSIGN(const HostPid group, call.world.thread_group_of(process));
  if (group == call.process) return process;
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(process));
  if (!kernel::may_access(call.credentials(), *state)) return Error(EPERM);
  return process;
}

Reply go_on(const Call& call, const std::array<uint64_t, 6>& arguments) {
  return arguments == call.arguments ? Reply::proceed() : Reply::in_guest(call.number, arguments);
}

Reply transfer(const Call& call) {
  if (call.raw(5) != 0) return Reply::error(EINVAL);
  if (call.raw(2) == 0) return Reply::value(0);  // nothing to copy: no process is looked for
  LITEBOX_OR_REPLY(const HostPid process, accessible_process(call, 0));
  std::array<uint64_t, 6> arguments = call.arguments;
  if (process.value() != call.integer(0)) arguments[0] = static_cast<uint64_t>(process.value());
  return go_on(call, arguments);
}

}  // namespace

Reply sys_process_vm_readv(Call& call) { return transfer(call); }
Reply sys_process_vm_writev(Call& call) { return transfer(call); }

Reply sys_kcmp(Call& call) {
  std::array<uint64_t, 6> arguments = call.arguments;
  for (const int index : {0, 1}) {
    LITEBOX_OR_REPLY(const HostPid process, accessible_process(call, index));
    if (process.value() != call.integer(index)) arguments[static_cast<size_t>(index)] = static_cast<uint64_t>(process.value());
  }
  return go_on(call, arguments);
}

}  // namespace litebox::syscalls
