// The synthetic file systems that a container's tree is built from. Each returns the root directory of a new instance; the
// view outlives it.
#pragma once

#include <sys/types.h>

#include <memory>

#include "rootfs/descriptor_registry.h"
#include "rootfs/node.h"
#include "rootfs/view.h"

namespace litebox::rootfs {

NodePtr make_proc(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry);

NodePtr make_sys(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry);

// The hierarchy at /sys/fs/cgroup as the container sees it.
NodePtr make_cgroup(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry);

// Mount options of devpts (kernel documentation, filesystems/devpts).
struct DevptsOptions {
  uid_t uid = 0;
  gid_t gid = 5;
  mode_t mode = 0620;
  mode_t ptmx_mode = 0666;
};

NodePtr make_devpts(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry,
                    const DevptsOptions& options);

}  // namespace litebox::rootfs
