// The entries of config.json's "mounts", in order (runtime-spec, config.md, "Mounts").
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <cstdio>

#include "rootfs/filesystems.h"
#include "rootfs/tree_builder.h"
#include "rootfs/tree_path.h"

namespace litebox::rootfs {
namespace {

// mount_setattr(2), MOUNT_ATTR_IDMAP: with mappings of the mount's own, or those of the container's user namespace.
std::shared_ptr<const IdMaps> maps_of_mount(const oci::Linux& linux, const oci::Mount& mount) {
  const bool user_namespace = linux.find_namespace(oci::NamespaceType::user) != nullptr;
  const std::vector<oci::IdMapping> none;
  const auto map = [&](const std::vector<oci::IdMapping>& container, const std::vector<oci::IdMapping>& own) {
    const auto& inside = user_namespace ? container : none;
    return IdMap(inside, own.empty() ? inside : own);
  };
  return std::make_shared<const IdMaps>(
      IdMaps{map(linux.uid_mappings, mount.uid_mappings), map(linux.gid_mappings, mount.gid_mappings)});
}

}  // namespace

Status TreeBuilder::add_mounts() {
  for (size_t i = 0; i < config_.mounts.size(); ++i) {
    const oci::Mount& mount = config_.mounts[i];
    Status added = add_mount(mount);
    if (!added.ok()) {
      return std::move(added).error().within("mounts[" + std::to_string(i) + "] (" + mount.destination + ")");
    }
  }
  return {};
}

Status TreeBuilder::add_mount(const oci::Mount& mount) {
  const MountOptions options = parse_mount_options(mount);
  if (options.remount) return remount(mount, options);
  if (options.bind) return add_bind(mount, options);
  if (mount.type == "tmpfs") return add_tmpfs(mount, options);
  return add_synthetic(mount, options);
}

Status TreeBuilder::attach(const std::string& destination, NodePtr root, const MountOptions& options, HostMountInfo info) {
  LITEBOX_ASSIGN(const Location place, make_place(destination, root->is_directory()));
  MountFlags flags = options.flags;
  flags.read_only = false;  // until the tree is complete: later entries may need a mountpoint in it
  LITEBOX_ASSIGN(MountPtr mount, tree_->mount(place, std::move(root), flags, std::move(info.type), std::move(info.source),
                                              std::move(info.root), std::move(info.options)));
  if (is_detached(*mount->root)) set_attributes(mount->root->host_fd(), options, false);
  unfinished_.push_back({std::move(mount), options});
  return {};
}

Status TreeBuilder::remount(const oci::Mount& mount, const MountOptions& options) {
  LITEBOX_ASSIGN(const Resolved place, resolve(mount.destination));
  if (!same_place(place.target, {place.target.mount, place.target.mount->root})) return Error(EINVAL, "not a mountpoint");
  for (Unfinished& item : unfinished_) {
    if (item.mount != place.target.mount) continue;
    item.options = options;
    return {};
  }
  unfinished_.push_back({place.target.mount, options});
  return {};
}

Status TreeBuilder::add_bind(const oci::Mount& mount, const MountOptions& options) {
  const std::string source = absolute(mount.source);
  std::string type;
  auto synthetic = synthetic_source(source, type);
  if (!synthetic.ok()) return std::move(synthetic).error().within(source);
  if (*synthetic) {
    LITEBOX_TRY(attach(mount.destination, std::move(*synthetic), options, {type, type, "/", "rw"}));
    // With the host's /sys came its control groups.
    const std::string groups = mount.destination + "/fs/cgroup";
    if (type != "sysfs" || !options.with_submounts || !resolve(groups).ok()) return {};
    return attach(groups, make_cgroup(*options_.view, registry_), options, {"cgroup2", "cgroup", "/", "rw"});
  }
  auto opened = bind_source(source, options.with_submounts, options_.may_mount);
  if (!opened.ok()) return std::move(opened).error().within(source);
  HostMountInfo info = host_mount_info(Fd(::open(source.c_str(), O_PATH | O_CLOEXEC)).get());
  if (mount.is_id_mapped() && options_.ownership != Ownership::native) {
    return Error(EPERM, "uidMappings: only root can map the ids of a mount");
  }
  auto node = mount.is_id_mapped() ? maker_->root_node(std::move(*opened), maps_of_mount(config_.linux, mount))
                                   : maker_->root_node(std::move(*opened));
  if (!node.ok()) return std::move(node).error().within(source);
  return attach(mount.destination, std::move(*node), options, std::move(info));
}

Result<NodePtr> TreeBuilder::synthetic_source(const std::string& source, std::string& type) {
  const Fd file(::open(source.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return last_error();
  struct statfs status {};
  if (::fstatfs(file.get(), &status) != 0) return last_error();
  NodePtr node;
  if (status.f_type == PROC_SUPER_MAGIC) {
    node = make_proc(*options_.view, registry_);
    type = "proc";
  } else if (status.f_type == SYSFS_MAGIC) {
    node = make_sys(*options_.view, registry_);
    type = "sysfs";
  } else if (status.f_type == CGROUP_SUPER_MAGIC || status.f_type == CGROUP2_SUPER_MAGIC) {
    type = "cgroup2";
    return make_cgroup(*options_.view, registry_);
  } else {
    return NodePtr();
  }
  const std::string path = host_mount_info(file.get()).root;
  for (size_t at = 0; (at = path.find_first_not_of('/', at)) != std::string::npos;) {
    const size_t end = std::min(path.find('/', at), path.size());
    LITEBOX_ASSIGN(node, node->lookup(subject_, path.substr(at, end - at)));
    at = end;
  }
  return node;
}

Status TreeBuilder::add_tmpfs(const oci::Mount& mount, const MountOptions& options) {
  MountOptions with_mode = options;
  const auto has = [&](const char* name) {
    for (const auto& [key, value] : with_mode.data) {
      if (key == name) return true;
    }
    return false;
  };
  const auto covered = resolve(mount.destination);
  if (!has("mode")) {
    // As runc does: a tmpfs takes the mode of the directory that it covers.
    mode_t mode = 01777;
    if (covered.ok()) {
      LITEBOX_ASSIGN(const struct statx status, covered->target.node->status(subject_));
      mode = status.stx_mode & 07777U;
    }
    char text[8];
    (void)std::snprintf(text, sizeof text, "%04o", mode);
    with_mode.data.emplace_back("mode", text);
  }
  LITEBOX_ASSIGN(NodePtr node, maker_->make_tmpfs(with_mode));
  if (options.copy_up && covered.ok() && covered->target.node->is_directory()) {
    LITEBOX_TRY(copy_up(subject_, covered->target.node, node));
  }
  const std::string source = mount.source.empty() ? mount.type : mount.source;
  return attach(mount.destination, std::move(node), with_mode, {mount.type, source, "/", super_options(options)});
}

Status TreeBuilder::add_synthetic(const oci::Mount& mount, const MountOptions& options) {
  LITEBOX_ASSIGN(NodePtr node, maker_->make_synthetic(mount.type, options));
  if (!node) return Error("type: the file system \"" + mount.type + "\" is not supported");
  const std::string source = mount.source.empty() ? mount.type : mount.source;
  return attach(mount.destination, std::move(node), options, {mount.type, source, "/", super_options(options)});
}

}  // namespace litebox::rootfs
