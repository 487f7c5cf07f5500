// Resource limits: getrlimit(2), setrlimit(2), prlimit(2).
//
// They are the kernel's, but for RLIMIT_LOCKS: unused since Linux 2.4, it carries the number of a process's state, and the
// value that a program sees is part of that state.
#include <linux/capability.h>
#include <sys/resource.h>

#include <optional>

#include "shim/kernel/permissions.h"
#include "shim/kernel/scoped_capabilities.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// do_prlimit() for the one limit that is the state's.
Result<rlimit64> change_locks(const Call& call, HostPid target, const std::optional<rlimit64>& wanted) {
  if (!wanted) {
    LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(target));
    return state->locks;
  }
  if (wanted->rlim_cur > wanted->rlim_max) return Error(EINVAL);
  rlimit64 previous = {};
  const bool may_raise = call.credentials().has(CAP_SYS_RESOURCE);
  LITEBOX_TRY(call.world.update(target, [&](kernel::ProcessState& state) -> Status {
    previous = state.locks;
    if (wanted->rlim_max > state.locks.rlim_max && !may_raise) return Error(EPERM);
    state.locks = *wanted;
    return {};
  }));
  return previous;
}

Result<rlimit64> change_limit(const Call& call, HostPid target, unsigned resource, const std::optional<rlimit64>& wanted) {
  if (resource == RLIMIT_LOCKS) return change_locks(call, target, wanted);
  const kernel::ScopedCapabilities scope(call.credentials());
  rlimit64 previous = {};
  if (prlimit64(target.value(), static_cast<__rlimit_resource>(resource), wanted ? &*wanted : nullptr, &previous) != 0) {
    return last_error();
  }
  return previous;
}

Result<std::optional<rlimit64>> read_wanted(const Call& call, GuestAddress address) {
  if (address.null()) return std::optional<rlimit64>();
  LITEBOX_ASSIGN(const rlimit64 wanted, call.memory.read_value<rlimit64>(address));
  return std::optional<rlimit64>(wanted);
}

}  // namespace

Reply sys_getrlimit(Call& call) {
  if (call.flags(0) >= RLIM_NLIMITS) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const rlimit64 limit, change_limit(call, call.process, call.flags(0), {}));
  return Reply::from(call.memory.write_value(call.address(1), limit));
}

Reply sys_setrlimit(Call& call) {
  LITEBOX_OR_REPLY(const rlimit64 wanted, call.memory.read_value<rlimit64>(call.address(1)));
  if (call.flags(0) >= RLIM_NLIMITS) return Reply::error(EINVAL);
  LITEBOX_CHECK_REPLY(change_limit(call, call.process, call.flags(0), wanted));
  return Reply::success();
}

Reply sys_prlimit64(Call& call) {
  const unsigned resource = call.flags(1);
  LITEBOX_OR_REPLY(const auto wanted, read_wanted(call, call.address(2)));
  LITEBOX_OR_REPLY(const HostPid target, named_thread(call, call.integer(0)));
  if (target != call.thread) {
    LITEBOX_OR_REPLY(const kernel::ProcessStatePtr state, call.world.state_of(target));
    if (!kernel::may_change_limits(call.credentials(), *state->credentials)) return Reply::error(EPERM);
  }
  if (resource >= RLIM_NLIMITS) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const rlimit64 previous, change_limit(call, target, resource, wanted));
  return call.address(3).null() ? Reply::success() : Reply::from(call.memory.write_value(call.address(3), previous));
}

}  // namespace litebox::syscalls
