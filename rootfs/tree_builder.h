// How build_tree() works: the steps share one TreeBuilder. Private to the container_*.cc files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rootfs/container_tree.h"
#include "rootfs/descriptor_registry.h"
#include "rootfs/device_policy.h"
#include "rootfs/file_system_maker.h"
#include "rootfs/host_mount.h"
#include "rootfs/synthetic.h"

namespace litebox::rootfs {

class TreeBuilder {
 public:
  TreeBuilder(const oci::Config& config, const TreeOptions& options);

  Result<std::shared_ptr<Tree>> build();

 private:
  // --- container_tree.cc
  Status make_root();
  Status make_symlink(const Location& directory, const std::string& name, const std::string& target);
  Result<Resolved> resolve(const std::string& path, bool want_parent = false, bool follow = true) const;
  // The name `name` in `directory`, a link itself.
  Result<Resolved> entry_of(const Location& directory, const std::string& name) const;
  // The place `path`, which is made with every directory above it where it is missing.
  Result<Location> make_place(const std::string& path, bool directory);
  std::string absolute(const std::string& path) const;  // from the bundle
  // Makes what is mounted read-only once the tree is complete.
  void finish_mounts();

  // --- container_mounts.cc
  Status add_mounts();
  Status add_mount(const oci::Mount& mount);
  Status add_bind(const oci::Mount& mount, const MountOptions& options);
  Status add_tmpfs(const oci::Mount& mount, const MountOptions& options);
  Status add_synthetic(const oci::Mount& mount, const MountOptions& options);
  Status remount(const oci::Mount& mount, const MountOptions& options);
  // The synthetic counterpart of a file of the host's proc, sysfs or cgroup file systems; null for any other file.
  Result<NodePtr> synthetic_source(const std::string& source, std::string& type);
  Status attach(const std::string& destination, NodePtr root, const MountOptions& options, HostMountInfo info);

  // --- container_devices.cc
  bool needs_devices() const;
  Status add_devices();
  Status add_device(const Location& directory, const oci::Device& device);
  Status bind_device(const Resolved& place, const std::string& path, mode_t type, dev_t number);
  Status add_console();

  // --- container_paths.cc
  Status add_readonly_paths();
  Status add_masked_paths();

  const oci::Config& config_;
  const TreeOptions& options_;
  Subject subject_;  // root with every capability and no umask
  std::shared_ptr<DescriptorRegistry> registry_;
  std::shared_ptr<const DevicePolicy> devices_;
  std::shared_ptr<const FileSystemMaker> maker_;
  std::shared_ptr<Tree> tree_;
  struct Unfinished {
    MountPtr mount;
    MountOptions options;
  };
  std::vector<Unfinished> unfinished_;
};

// Whether `root` is the root of a mount that only the container has (host_mount.h).
bool is_detached(const Node& root);

// Copies what `from` holds into the empty directory `to`, with owners, modes and times: tmpcopyup.
Status copy_up(const Subject& subject, const NodePtr& from, const NodePtr& to);

}  // namespace litebox::rootfs
