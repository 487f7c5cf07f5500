#include "shim/kernel/permissions.h"

#include <linux/capability.h>

namespace litebox::kernel {
namespace {

bool owns_all_ids(const Credentials& caller, const Credentials& target) {
  return caller.uid == target.euid && caller.uid == target.suid && caller.uid == target.uid && caller.gid == target.egid &&
         caller.gid == target.sgid && caller.gid == target.gid;
}

}  // namespace

bool may_change_limits(const Credentials& caller, const Credentials& target) {
  return owns_all_ids(caller, target) || caller.has(CAP_SYS_RESOURCE);
}

bool may_schedule(const Credentials& caller, const Credentials& target) {
  return caller.euid == target.euid || caller.euid == target.uid || caller.has(CAP_SYS_NICE);
}

bool may_set_priority(const Credentials& caller, const Credentials& target) { return may_schedule(caller, target); }

bool may_set_io_priority(const Credentials& caller, const Credentials& target) {
  return target.uid == caller.euid || target.uid == caller.uid || caller.has(CAP_SYS_NICE);
}

bool may_access(const Credentials& caller, const ProcessState& target) {
  if (caller.has(CAP_SYS_PTRACE)) return true;
  const Credentials& other = *target.credentials;
  // cap_ptrace_access_check(): nor may it gain capabilities through the target.
  return owns_all_ids(caller, other) && target.dumpable && (other.permitted & ~caller.permitted) == 0;
}

}  // namespace litebox::kernel
