#include "rootfs/host_node.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "rootfs/device_policy.h"
#include "rootfs/native_node.h"
#include "rootfs/recorded_node.h"

namespace litebox::rootfs {
namespace {

bool starts_with(const std::string& text, std::string_view prefix) { return text.compare(0, prefix.size(), prefix) == 0; }

}  // namespace

Result<NodePtr> HostNode::make(const HostFileSystemPtr& file_system, Fd fd) {
  LITEBOX_ASSIGN(const host::Identification identification, host::identify(fd.get()));
  return make(file_system, std::move(fd), identification);
}

Result<NodePtr> HostNode::make(const HostFileSystemPtr& file_system, Fd fd, const host::Identification& identification) {
  LITEBOX_TRY(file_system->admit(identification.mount_id, fd.get()));
  if (file_system->ownership() == Ownership::recorded) return RecordedNode::make(file_system, std::move(fd), identification);
  return NodePtr(std::make_shared<NativeNode>(file_system, std::move(fd), identification, identification.mode & S_IFMT));
}

HostNode::HostNode(HostFileSystemPtr file_system, Fd fd, const host::Identification& identification, mode_t type)
    : file_system_(std::move(file_system)), fd_(std::move(fd)), identification_(identification), type_(type) {}

Result<struct statfs> HostNode::file_system_status() {
  struct statfs status {};
  if (::fstatfs(fd_.get(), &status) != 0) return last_error();
  return status;
}

Result<std::string> HostNode::read_link(const Subject& /*subject*/) {
  if (!is_symlink()) return Error(EINVAL);
  return host::read_link(fd_.get());
}

Result<std::string> HostNode::path_in_file_system() { return host::path(fd_.get()); }

Result<NodePtr> HostNode::node_of(Result<Fd> fd) const {
  if (!fd) return std::move(fd).error();
  return make(file_system_, std::move(*fd));
}

Result<const HostNode*> HostNode::same_file_system(const NodePtr& node) const {
  const auto* other = dynamic_cast<const HostNode*>(node.get());
  if (other == nullptr || other->file_system_ != file_system_) return Error(EXDEV);
  return other;
}

Identity identity_at(const Node& node, const Identity& identity) {
  const auto* host = dynamic_cast<const HostNode*>(&node);
  const IdMaps* ids = host != nullptr ? host->file_system()->ids() : nullptr;
  if (ids == nullptr) return identity;
  Identity mapped;
  mapped.uid = ids->users.to_file(identity.uid).value_or(kOverflowId);
  mapped.gid = ids->groups.to_file(identity.gid).value_or(kOverflowId);
  for (const gid_t group : identity.groups) mapped.groups.push_back(ids->groups.to_file(group).value_or(kOverflowId));
  const auto status = host::status(host->host_fd());
  if (status.ok() && ids->owns(*status)) mapped.capabilities = identity.capabilities;
  return mapped;
}

Status check_xattr_name(const Identity& identity, mode_t type, const std::string& name, XattrUse use) {
  if (starts_with(name, "trusted.") && !identity.has(CAP_SYS_ADMIN)) return Error(use == XattrUse::write ? EPERM : ENODATA);
  if (starts_with(name, "user.") && !S_ISREG(type) && !S_ISDIR(type)) return Error(use == XattrUse::write ? EPERM : ENODATA);
  if (use == XattrUse::write && starts_with(name, "security.")) {
    const int needed = name == "security.capability" ? CAP_SETFCAP : CAP_SYS_ADMIN;
    if (!identity.has(needed)) return Error(EPERM);
  }
  return {};
}

bool shows_xattr_name(const Identity& identity, const std::string& name) {
  return !starts_with(name, "trusted.") || identity.has(CAP_SYS_ADMIN);
}

Status check_make_device(const Identity& identity, const HostFileSystem& file_system, mode_t mode, dev_t device) {
  if (!S_ISCHR(mode) && !S_ISBLK(mode)) return {};
  const bool whiteout = S_ISCHR(mode) && device == 0;
  // Not of a user namespace's own root: devices are the host's.
  if (!whiteout && (!identity.has(CAP_MKNOD) || file_system.ids() != nullptr)) return Error(EPERM);
  if (!whiteout && (file_system.devices() == nullptr || !file_system.devices()->may_make(mode & S_IFMT, device))) {
    return Error(EPERM);
  }
  return {};
}

Status check_open_device(const HostFileSystem& file_system, mode_t type, dev_t device, int flags) {
  if (!S_ISCHR(type) && !S_ISBLK(type)) return {};
  if (S_ISCHR(type) && (device == gnu_dev_makedev(5, 0) || device == gnu_dev_makedev(5, 1))) return Error(ENXIO);
  // The device cgroup does not look at number 0 (devcgroup_inode_permission), and no driver has it.
  if (device == 0) return Error(ENXIO);
  const int access = flags & O_ACCMODE;
  const int mask = (access != O_WRONLY ? R_OK : 0) | (access != O_RDONLY ? W_OK : 0);
  if (file_system.devices() == nullptr || !file_system.devices()->may_open(type, device, mask)) return Error(EPERM);
  return {};
}

}  // namespace litebox::rootfs
