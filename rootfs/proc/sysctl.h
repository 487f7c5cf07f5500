// /proc/sys: the kernel's settings, for reading. What concerns the container alone is its own.
#pragma once

#include "rootfs/synthetic.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

NodePtr make_sysctl_directory(const ContainerView& view, SyntheticAttributes attributes);

}  // namespace litebox::rootfs::proc
