// Which ids of processes, groups and sessions a container sees (design: an id inside is the host's, nothing outside exists).
#pragma once

#include <string_view>

#include "base/ids.h"
#include "rootfs/subject.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

// A process or thread id from a text of the host: 0 for one that does not belong.
pid_t visible_process(const ContainerView& view, pid_t host);
pid_t visible_process(const ContainerView& view, std::string_view host);

// A process group or session, named after its leader: 0 when that one lives and does not belong. A leader that has ended
// leaves its number behind, which the kernel gives to nobody while the group exists.
pid_t visible_group(const ContainerView& view, pid_t host);
pid_t visible_group(const ContainerView& view, std::string_view host);

// Whether `subject` may look into `target`, a thread group or thread of `target_group` (kernel/ptrace.c,
// __ptrace_may_access with PTRACE_MODE_READ_FSCREDS; dumpability is not looked at).
bool may_inspect(const ContainerView& view, const Subject& subject, HostPid target_group, HostPid target);

}  // namespace litebox::rootfs::proc
