// Who may act on whom inside a container: the kernel's rules for one process acting on another, by virtual credentials.
// (Signals: signals.h.) Both processes are members; whether they are has been checked.
#pragma once

#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// prlimit(2) on another process (check_prlimit_permission).
bool may_change_limits(const Credentials& caller, const Credentials& target);
// sched_setscheduler(2), sched_setaffinity(2) and the like (check_same_owner, CAP_SYS_NICE).
bool may_schedule(const Credentials& caller, const Credentials& target);
// setpriority(2) (set_one_prio_perm).
bool may_set_priority(const Credentials& caller, const Credentials& target);
// ioprio_set(2) (set_task_ioprio).
bool may_set_io_priority(const Credentials& caller, const Credentials& target);
// ptrace(2), "Ptrace access mode checking", for PTRACE_MODE_*_REALCREDS: process_vm_readv(2), kcmp(2), pidfd_getfd(2).
bool may_access(const Credentials& caller, const ProcessState& target);

}  // namespace litebox::kernel
