// The files of /proc that describe the machine rather than a process.
#pragma once

#include "rootfs/synthetic.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

void add_global_files(SyntheticDirectory& root, const ContainerView& view);

// /proc/meminfo of a container with a memory limit: `limit` and `used` in bytes (fs/proc/meminfo.c).
std::string limited_meminfo(std::string_view host, uint64_t limit, uint64_t used);

}  // namespace litebox::rootfs::proc
