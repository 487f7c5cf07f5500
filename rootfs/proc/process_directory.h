// /proc/<pid> and /proc/<pid>/task/<tid>: the directory of one member process or thread.
#pragma once

#include "rootfs/proc/process_nodes.h"

namespace litebox::rootfs::proc {

NodePtr make_process_directory(const ProcessContext& context, SyntheticAttributes attributes);

}  // namespace litebox::rootfs::proc
