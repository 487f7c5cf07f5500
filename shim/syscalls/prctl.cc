// prctl(2): the options that concern virtual credentials, and those whose native effect would reach the monitor. Options about
// the calling thread alone (its name, timer slack, parent death signal, ...) are the kernel's and do not come here.
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "shim/kernel/capabilities.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/credentials.h"
#include "shim/syscalls/seccomp.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::Credentials;

Reply read_bounding_set(const Call& call) {
  if (!kernel::is_capability(call.raw(1))) return Reply::error(EINVAL);
  return Reply::value((call.credentials().bounding & kernel::capability_bit(call.integer(1))) != 0 ? 1 : 0);
}

Reply ambient(const Call& call) {
  const uint64_t operation = call.raw(1);
  const uint64_t capability = call.raw(2);
  const bool more_arguments = call.raw(3) != 0 || call.raw(4) != 0;
  if (operation == PR_CAP_AMBIENT_CLEAR_ALL) {
    if (capability != 0 || more_arguments) return Reply::error(EINVAL);
    return change_credentials(call, [](Credentials& c) -> Status {
      c.ambient = 0;
      return {};
    });
  }
  if (!kernel::is_capability(capability) || more_arguments) return Reply::error(EINVAL);
  switch (operation) {
    case PR_CAP_AMBIENT_IS_SET:
      return Reply::value((call.credentials().ambient & kernel::capability_bit(call.integer(2))) != 0 ? 1 : 0);
    case PR_CAP_AMBIENT_RAISE:
      return change_credentials(call, [capability](Credentials& c) { return kernel::raise_ambient(c, capability); });
    case PR_CAP_AMBIENT_LOWER:
      return change_credentials(call, [capability](Credentials& c) { return kernel::lower_ambient(c, capability); });
    default:
      return Reply::error(EINVAL);
  }
}

// The kernel's own flag is set for every guest; a program sees the one of its record.
Reply set_no_new_privileges(const Call& call) {
  if (call.raw(1) != 1 || call.raw(2) != 0 || call.raw(3) != 0 || call.raw(4) != 0) return Reply::error(EINVAL);
  return change_credentials(call, [](Credentials& c) -> Status {
    c.no_new_privileges = true;
    return {};
  });
}

Reply get_no_new_privileges(const Call& call) {
  if (call.raw(1) != 0 || call.raw(2) != 0 || call.raw(3) != 0 || call.raw(4) != 0) return Reply::error(EINVAL);
  return Reply::value(call.credentials().no_new_privileges ? 1 : 0);
}

Reply set_dumpable(const Call& call) {
  const uint64_t dumpable = call.raw(1);
  if (dumpable > 1) return Reply::error(EINVAL);
  return Reply::from(call.world.update(call.process, [dumpable](kernel::ProcessState& state) -> Status {
    state.dumpable = dumpable != 0;
    return {};
  }));
}

// Orphans of the container go to init in any case, as they do to the init of a pid namespace.
Reply stop_adopting(const Call& call) { return call.process == call.world.own_init() ? Reply::success() : Reply::proceed(); }

Reply set_seccomp(const Call& call) {
  if (call.raw(1) == SECCOMP_MODE_FILTER) LITEBOX_CHECK_REPLY(check_may_filter(call));
  return Reply::proceed();
}

}  // namespace

Reply sys_prctl(Call& call) {
  switch (call.integer(0)) {
    case PR_CAPBSET_READ:
      return read_bounding_set(call);
    case PR_CAPBSET_DROP:
      return change_credentials(call, [&call](Credentials& c) { return kernel::drop_from_bounding_set(c, call.raw(1)); });
    case PR_CAP_AMBIENT:
      return ambient(call);
    case PR_GET_SECUREBITS:
      return Reply::value(call.credentials().securebits);
    case PR_SET_SECUREBITS:
      return change_credentials(call, [&call](Credentials& c) { return kernel::set_securebits(c, call.raw(1)); });
    case PR_GET_KEEPCAPS:
      return Reply::value(kernel::has_securebit(call.credentials(), SECURE_KEEP_CAPS) ? 1 : 0);
    case PR_SET_KEEPCAPS:
      return change_credentials(call, [&call](Credentials& c) { return kernel::set_keep_capabilities(c, call.raw(1)); });
    case PR_SET_NO_NEW_PRIVS:
      return set_no_new_privileges(call);
    case PR_GET_NO_NEW_PRIVS:
      return get_no_new_privileges(call);
    case PR_GET_DUMPABLE:
      return Reply::value(call.state->dumpable ? 1 : 0);
    case PR_SET_DUMPABLE:
      return set_dumpable(call);
    case PR_SET_CHILD_SUBREAPER:
      return stop_adopting(call);
    case PR_SET_SECCOMP:
      return set_seccomp(call);
    default:
      return Reply::error(EINVAL);
  }
}

}  // namespace litebox::syscalls
