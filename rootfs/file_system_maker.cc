#include "rootfs/file_system_maker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "rootfs/filesystems.h"
#include "rootfs/host_node.h"
#include "rootfs/message_queues.h"
#include "rootfs/override_store.h"

namespace litebox::rootfs {
namespace {

Result<unsigned> parse_number(const std::string& name, const std::string& value, int base) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  if (value.empty() || error != std::errc() || end != value.data() + value.size()) return Error(EINVAL, name + "=" + value);
  return number;
}

Result<DevptsOptions> parse_devpts_options(const MountOptions& options) {
  DevptsOptions parsed;
  for (const auto& [name, value] : options.data) {
    if (name == "newinstance" || name == "max") continue;
    LITEBOX_ASSIGN(const unsigned number, parse_number(name, value, name == "mode" || name == "ptmxmode" ? 8 : 10));
    if (name == "uid") parsed.uid = number;
    if (name == "gid") parsed.gid = number;
    if (name == "mode") parsed.mode = number;
    if (name == "ptmxmode") parsed.ptmx_mode = number;
  }
  return parsed;
}

}  // namespace

FileSystemMaker::FileSystemMaker(const TreeOptions& options, std::shared_ptr<const DevicePolicy> devices,
                                 std::shared_ptr<DescriptorRegistry> registry)
    : ownership_(options.ownership),
      ids_(options.ids),
      scratch_(options.scratch),
      may_mount_(options.may_mount),
      view_(options.view),
      devices_(std::move(devices)),
      registry_(std::move(registry)) {}

Result<NodePtr> FileSystemMaker::root_node(HostMount mount, std::shared_ptr<const IdMaps> ids) const {
  auto file_system = std::make_shared<HostFileSystem>(ownership_, mount.detached, devices_, std::move(ids));
  file_system->set_submounts(mount.submounts);
  struct stat status {};
  if (::fstat(mount.root.get(), &status) != 0) return last_error();
  if (ownership_ == Ownership::recorded && S_ISDIR(status.st_mode)) {
    LITEBOX_ASSIGN(Fd directory, host::reopen(mount.root.get(), O_PATH));
    file_system->set_store(std::make_unique<OverrideStore>(std::move(directory)));
  }
  return HostNode::make(file_system, std::move(mount.root));
}

// The file system was made with the container's ids.
Status FileSystemMaker::give_to_container(int root, const MountOptions& options) const {
  unsigned user = 0;
  unsigned group = 0;
  for (const auto& [name, value] : options.data) {
    if (name != "uid" && name != "gid") continue;
    LITEBOX_ASSIGN((name == "uid" ? user : group), parse_number(name, value, 10));
  }
  const auto owner = ids_->users.to_file(user);
  const auto owning_group = ids_->groups.to_file(group);
  if (!owner || !owning_group) return Error(EINVAL, "an owner that is not mapped");
  return host::check(::fchownat(root, "", *owner, *owning_group, AT_EMPTY_PATH));
}

Result<NodePtr> FileSystemMaker::make_tmpfs(const MountOptions& options) const {
  LITEBOX_ASSIGN(HostMount made, rootfs::make_tmpfs(options, scratch_, may_mount_));
  const bool detached = made.detached;
  if (ids_) LITEBOX_TRY(give_to_container(made.root.get(), options));
  LITEBOX_ASSIGN(NodePtr node, root_node(std::move(made)));
  if (detached) return node;
  const Subject subject = runtime_subject(0);
  for (const auto& [name, value] : options.data) {
    if (name != "mode" && name != "uid" && name != "gid") continue;
    LITEBOX_ASSIGN(const unsigned number, parse_number(name, value, name == "mode" ? 8 : 10));
    constexpr auto kKeep = static_cast<unsigned>(-1);
    LITEBOX_TRY(name == "mode"  ? node->change_mode(subject, number)
                : name == "uid" ? node->change_owner(subject, number, kKeep)
                                : node->change_owner(subject, kKeep, number));
  }
  return node;
}

Result<NodePtr> FileSystemMaker::make_synthetic(const std::string& type, const MountOptions& options) const {
  if (type == "proc") return make_proc(*view_, registry_);
  if (type == "sysfs") return make_sys(*view_, registry_);
  if (type == "cgroup" || type == "cgroup2") return make_cgroup(*view_, registry_);
  if (type == "mqueue") return make_mqueue(registry_);
  if (type != "devpts") return NodePtr();
  LITEBOX_ASSIGN(const DevptsOptions parsed, parse_devpts_options(options));
  return make_devpts(*view_, registry_, parsed);
}

}  // namespace litebox::rootfs
