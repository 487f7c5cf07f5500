// The files of /proc/<pid> whose host text needs translation: ids, credentials, limits and control groups become the
// container's own. proc(5) and the kernel functions named below say what the fields are.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

// /proc/<pid>/stat (fs/proc/array.c, do_task_stat). Addresses are shown to those who may inspect the process only.
std::string translate_stat(const ContainerView& view, std::string_view host, bool may_inspect_process);

// /proc/<pid>/status (fs/proc/array.c, proc_pid_status) of the process or thread `task`.
Result<std::string> translate_status(const ContainerView& view, HostPid task, std::string_view host);

// /proc/<pid>/limits: the soft limit of "Max file locks" carries litebox's tag and is not shown.
std::string translate_limits(std::string_view host);

// /proc/<pid>/cgroup: the container's own control groups are the roots of their hierarchies (cgroup_namespaces(7)).
std::string translate_cgroup(std::string_view host);

// /proc/<pid>/sched: the id in the first line (kernel/sched/debug.c, proc_sched_show_task).
std::string translate_sched(const ContainerView& view, std::string_view host);

// /proc/<pid>/timers: the receivers of POSIX timers (fs/proc/base.c, show_timer).
std::string translate_timers(const ContainerView& view, std::string_view host);

// /proc/<pid>/task/<tid>/children: ids separated by spaces.
std::string translate_children(const ContainerView& view, std::string_view host);

// /proc/<pid>/fdinfo/<fd>: the process that a pidfd names, owners of locks, the mount.
std::string translate_fdinfo(const ContainerView& view, std::string_view host, int mount_id);

// /proc/locks, or a "lock:" line of fdinfo without that word: empty when a process outside holds or awaits the lock
// (fs/locks.c, lock_get_status).
std::string translate_lock(const ContainerView& view, std::string_view line);

}  // namespace litebox::rootfs::proc
