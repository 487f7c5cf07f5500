// /proc/<pid>/net: the process's network, as far as the container has one.
#pragma once

#include "rootfs/proc/process_nodes.h"

namespace litebox::rootfs::proc {

// With a network of its own or the host's: what the kernel shows, but of AF_UNIX sockets the container's only. Without: as on
// a host that has no interface.
NodePtr make_net_directory(const ProcessContext& context, SyntheticAttributes attributes);

}  // namespace litebox::rootfs::proc
