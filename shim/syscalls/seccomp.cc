#include "shim/syscalls/seccomp.h"

#include <linux/capability.h>
#include <linux/seccomp.h>

#include "shim/table/handlers.h"

namespace litebox::syscalls {

Status check_may_filter(const Call& call) {
  if (!call.credentials().no_new_privileges && !call.credentials().has(CAP_SYS_ADMIN)) return Error(EACCES);
  return {};
}

// A filter can only take away: of all that are installed the most severe answer counts, and the container's listener is the
// one that the kernel allows (EBUSY for another). So whatever program lies in memory when the kernel reads it is the caller's
// own loss.
Reply sys_seccomp(Call& call) {
  if (call.flags(0) == SECCOMP_SET_MODE_FILTER) LITEBOX_CHECK_REPLY(check_may_filter(call));
  return Reply::proceed();
}

}  // namespace litebox::syscalls
