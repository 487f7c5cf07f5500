// A guest's own system call filter: seccomp(2), prctl(PR_SET_SECCOMP).
#pragma once

#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// Whether the caller may install a filter: EACCES without no_new_privs and CAP_SYS_ADMIN (seccomp_prepare_filter). The
// kernel's own flag is always set, so only the virtual one can say so.
Status check_may_filter(const Call& call);

}  // namespace litebox::syscalls
