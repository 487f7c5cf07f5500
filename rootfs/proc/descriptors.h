// /proc/<pid>/fd and /proc/<pid>/fdinfo: the open files of a member.
#pragma once

#include "rootfs/proc/process_nodes.h"

namespace litebox::rootfs::proc {

NodePtr make_fd_directory(const ProcessContext& context, SyntheticAttributes attributes);
NodePtr make_fdinfo_directory(const ProcessContext& context, SyntheticAttributes attributes);

}  // namespace litebox::rootfs::proc
