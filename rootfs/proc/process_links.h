// The magic links of /proc/<pid> besides its descriptors: exe, cwd, root, and ns/.
#pragma once

#include "rootfs/proc/process_nodes.h"

namespace litebox::rootfs::proc {

NodePtr make_executable_link(const ProcessContext& context, SyntheticAttributes attributes);
NodePtr make_working_directory_link(const ProcessContext& context, SyntheticAttributes attributes);
NodePtr make_root_link(const ProcessContext& context, SyntheticAttributes attributes);
NodePtr make_namespace_directory(const ProcessContext& context, SyntheticAttributes attributes);

}  // namespace litebox::rootfs::proc
