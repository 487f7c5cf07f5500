// Makes the file systems that are mounted in a container's tree: for config.json's mounts, and for those of its guests.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "rootfs/container_tree.h"
#include "rootfs/descriptor_registry.h"
#include "rootfs/device_policy.h"
#include "rootfs/host_mount.h"
#include "rootfs/mount_options.h"

namespace litebox::rootfs {

// Thread-safe once made.
class FileSystemMaker {
 public:
  FileSystemMaker(const TreeOptions& options, std::shared_ptr<const DevicePolicy> devices,
                  std::shared_ptr<DescriptorRegistry> registry);

  // The root node of a host mount, with the store for what it cannot record otherwise. `ids`: of an idmapped mount.
  Result<NodePtr> root_node(HostMount mount) const { return root_node(std::move(mount), ids_); }
  Result<NodePtr> root_node(HostMount mount, std::shared_ptr<const IdMaps> ids) const;
  // An empty tmpfs with mode, uid, gid and limits of `options`. EINVAL for an option of the wrong form.
  Result<NodePtr> make_tmpfs(const MountOptions& options) const;
  // proc, sysfs, cgroup, cgroup2, devpts, mqueue; null for any other type.
  Result<NodePtr> make_synthetic(const std::string& type, const MountOptions& options) const;

 private:
  Status give_to_container(int root, const MountOptions& options) const;

  Ownership ownership_;
  std::shared_ptr<const IdMaps> ids_;
  std::string scratch_;
  bool may_mount_;
  const ContainerView* view_;
  std::shared_ptr<const DevicePolicy> devices_;
  std::shared_ptr<DescriptorRegistry> registry_;
};

}  // namespace litebox::rootfs
