#include "rootfs/native_node.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "rootfs/scoped_identity.h"

namespace litebox::rootfs {
namespace {

constexpr mode_t kPermissions = 07777;

// The kernel acts for the guest as long as this lives.
class Acting {
 public:
  Acting(const HostNode& node, const Subject& subject)
      : mapped_(node.file_system()->ids() != nullptr ? std::optional(identity_at(node, *subject.identity)) : std::nullopt),
        scope_(mapped_ ? *mapped_ : *subject.identity) {}

 private:
  std::optional<Identity> mapped_;
  ScopedIdentity scope_;
};

// What asks for a capability of the host is not for the root of a user namespace.
Identity without_host_privilege(const Identity& identity, const HostFileSystem& file_system) {
  Identity result = identity;
  if (file_system.ids() != nullptr) result.capabilities &= ~(1ULL << CAP_SYS_ADMIN);
  return result;
}

}  // namespace

Result<struct statx> NativeNode::status(const Subject& /*subject*/) {
  LITEBOX_ASSIGN(struct statx status, host::status(fd()));
  if (const IdMaps* ids = file_system()->ids()) ids->translate(status);
  return status;
}

bool NativeNode::grants_set_id() const {
  const IdMaps* ids = file_system()->ids();
  if (ids == nullptr) return true;
  const auto status = host::status(fd());
  return status.ok() && ids->owns(*status);
}

Status NativeNode::check_access(const Subject& subject, int mask) {
  const Acting acting(*this, subject);
  return host::check(static_cast<int>(::syscall(SYS_faccessat2, fd(), "", mask, AT_EMPTY_PATH | AT_EACCESS)));
}

Result<NodePtr> NativeNode::lookup(const Subject& subject, const std::string& name) {
  const Acting acting(*this, subject);
  return node_of(host::lookup(fd(), name.c_str()));
}

Result<NodePtr> NativeNode::lookup_path(const Subject& subject, const std::string& path) {
  if (file_system()->ids() != nullptr) return Error(EXDEV);  // each directory may be another's
  const Acting acting(*this, subject);
  auto found = host::lookup_path(fd(), path);
  if (!found) {
    const int number = found.error().number();
    if (number == ELOOP || number == EAGAIN || number == ENOSYS) return Error(EXDEV);
  }
  return node_of(std::move(found));
}

Result<NodePtr> NativeNode::parent(const Subject& subject) {
  const Acting acting(*this, subject);
  return node_of(host::parent(fd()));
}

// The kernel looks at set-group-ID before it takes anything from the permissions (fs/namei.c, vfs_prepare_mode); here the umask
// comes first.
mode_t NativeNode::permissions_of_new(const Subject& subject, mode_t mode) const {
  if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && (subject.umask & S_IXGRP) != 0) {
    const Identity identity = identity_at(*this, *subject.identity);
    const auto directory = host::status(fd());
    const bool inherits_group = directory.ok() && (directory->stx_mode & S_ISGID) != 0;
    if (inherits_group && !identity.in_group(directory->stx_gid) && !identity.has(CAP_FSETID)) {
      mode &= ~static_cast<mode_t>(S_ISGID);
    }
  }
  return host::apply_umask(fd(), mode, subject.umask);
}

Result<NodePtr> NativeNode::create(const Subject& subject, const std::string& name, mode_t mode) {
  LITEBOX_ASSIGN(const Fd made, create_open(subject, name, O_RDONLY, mode));
  return node_of(host::reopen(made.get(), O_PATH));
}

Result<Fd> NativeNode::create_open(const Subject& subject, const std::string& name, int flags, mode_t mode) {
  const mode_t permissions = permissions_of_new(subject, mode & kPermissions);
  const Acting acting(*this, subject);
  const int how = (flags & ~O_PATH) | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC;
  Fd made(::openat(fd(), name.c_str(), how, permissions));
  if (!made) return last_error();
  return made;
}

Status NativeNode::make_directory(const Subject& subject, const std::string& name, mode_t mode) {
  const mode_t permissions = host::apply_umask(fd(), mode & (S_IRWXU | S_IRWXG | S_IRWXO | S_ISVTX), subject.umask);
  const Acting acting(*this, subject);
  return host::check(::mkdirat(fd(), name.c_str(), permissions));
}

Status NativeNode::make_node(const Subject& subject, const std::string& name, mode_t mode, dev_t device) {
  const mode_t permissions = permissions_of_new(subject, mode & kPermissions);
  const Status may = check_make_device(*subject.identity, *file_system(), mode, device);
  const Acting acting(*this, subject);
  if (!may.ok()) {
    // The kernel asks for the capability only after it has found that the name is free and may be made.
    const auto found = host::lookup(fd(), name.c_str());
    if (found.ok()) return Error(EEXIST);
    if (found.error().number() != ENOENT) return found.error();
    LITEBOX_TRY(host::check(static_cast<int>(::syscall(SYS_faccessat2, fd(), "", W_OK | X_OK, AT_EMPTY_PATH | AT_EACCESS))));
    return may;
  }
  return host::check(::mknodat(fd(), name.c_str(), (mode & S_IFMT) | permissions, device));
}

Status NativeNode::make_symlink(const Subject& subject, const std::string& name, const std::string& target) {
  const Acting acting(*this, subject);
  return host::check(::symlinkat(target.c_str(), fd(), name.c_str()));
}

Status NativeNode::link(const Subject& subject, const std::string& name, const NodePtr& target) {
  LITEBOX_ASSIGN(const HostNode* source, same_file_system(target));
  const Acting acting(*this, subject);
  return host::link(source->host_fd(), fd(), name.c_str());
}

Status NativeNode::unlink(const Subject& subject, const std::string& name) {
  const Acting acting(*this, subject);
  return host::check(::unlinkat(fd(), name.c_str(), 0));
}

Status NativeNode::remove_directory(const Subject& subject, const std::string& name) {
  const Acting acting(*this, subject);
  return host::check(::unlinkat(fd(), name.c_str(), AT_REMOVEDIR));
}

Status NativeNode::rename(const Subject& subject, const std::string& name, const NodePtr& new_parent,
                          const std::string& new_name, unsigned flags) {
  if ((flags & RENAME_WHITEOUT) != 0 && !subject.identity->has(CAP_MKNOD)) return Error(EPERM);
  LITEBOX_ASSIGN(const HostNode* target, same_file_system(new_parent));
  const Acting acting(*this, subject);
  return host::check(::renameat2(fd(), name.c_str(), target->host_fd(), new_name.c_str(), flags));
}

// Whether the directory may be read was decided when it was opened.
Result<std::vector<DirectoryEntry>> NativeNode::read_directory(const Subject& /*subject*/, int64_t offset, size_t budget) {
  return host::read_directory(fd(), offset, budget);
}

Result<Fd> NativeNode::open(const Subject& subject, int flags) {
  if ((flags & O_DIRECTORY) != 0 && !is_directory()) return Error(ENOTDIR);
  if ((flags & O_PATH) == 0 && (S_ISCHR(type()) || S_ISBLK(type()))) {
    LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
    const dev_t device = gnu_dev_makedev(status.stx_rdev_major, status.stx_rdev_minor);
    if (const Status may = check_open_device(*file_system(), type(), device, flags); !may.ok()) {
      const int access = flags & O_ACCMODE;
      LITEBOX_TRY(check_access(subject, (access != O_WRONLY ? R_OK : 0) | (access != O_RDONLY ? W_OK : 0)));
      return may.error();
    }
  }
  const Acting acting(*this, subject);
  return host::reopen(fd(), flags);
}

Result<Fd> NativeNode::open_temporary(const Subject& subject, int flags, mode_t mode) {
  const mode_t permissions = permissions_of_new(subject, mode & kPermissions);
  const Acting acting(*this, subject);
  // O_EXCL keeps the file from ever getting a name, so here it is passed on.
  Fd made(::open(host::FdPath(fd()).c_str(), (flags & ~(O_NOFOLLOW | O_CREAT)) | O_TMPFILE | O_CLOEXEC, permissions));
  if (!made) return last_error();
  return made;
}

Status NativeNode::truncate(const Subject& subject, int64_t length) {
  const Acting acting(*this, subject);
  return host::check(::truncate(host::FdPath(fd()).c_str(), length));
}

Status NativeNode::change_mode(const Subject& subject, mode_t mode) {
  if (is_symlink()) return Error(EOPNOTSUPP);
  const Acting acting(*this, subject);
  return host::check(::chmod(host::FdPath(fd()).c_str(), mode & kPermissions));
}

Status NativeNode::change_owner(const Subject& subject, uid_t uid, gid_t gid) {
  constexpr auto kKeep = static_cast<uint32_t>(-1);
  if (const IdMaps* ids = file_system()->ids()) {
    const auto user = uid == kKeep ? kKeep : ids->users.to_file(uid);
    const auto group = gid == kKeep ? kKeep : ids->groups.to_file(gid);
    if (!user || !group) return Error(EINVAL);
    uid = *user;
    gid = *group;
  }
  const Acting acting(*this, subject);
  return host::check(::fchownat(fd(), "", uid, gid, AT_EMPTY_PATH));
}

Status NativeNode::change_times(const Subject& subject, const struct timespec times[2]) {
  const Acting acting(*this, subject);
  return host::change_times(fd(), times);
}

Result<std::string> NativeNode::get_xattr(const Subject& subject, const std::string& name) {
  LITEBOX_TRY(check_xattr_name(without_host_privilege(*subject.identity, *file_system()), type(), name, XattrUse::read));
  const Acting acting(*this, subject);
  auto value = host::get_xattr(fd(), name.c_str());
  const IdMaps* ids = file_system()->ids();
  return ids != nullptr && value.ok() ? xattr_to_container(*ids, name, std::move(value).value()) : std::move(value);
}

Status NativeNode::set_xattr(const Subject& subject, const std::string& name, const std::string& value, XattrFlags flags) {
  LITEBOX_TRY(check_xattr_name(without_host_privilege(*subject.identity, *file_system()), type(), name, XattrUse::write));
  std::string written = value;
  if (const IdMaps* ids = file_system()->ids()) {
    LITEBOX_ASSIGN(written, xattr_to_file(*ids, name, std::move(written)));
  }
  const Acting acting(*this, subject);
  return host::set_xattr(fd(), name.c_str(), written, flags);
}

Status NativeNode::remove_xattr(const Subject& subject, const std::string& name) {
  LITEBOX_TRY(check_xattr_name(without_host_privilege(*subject.identity, *file_system()), type(), name, XattrUse::write));
  const Acting acting(*this, subject);
  return host::remove_xattr(fd(), name.c_str());
}

Result<std::vector<std::string>> NativeNode::list_xattrs(const Subject& subject) {
  LITEBOX_ASSIGN(std::vector<std::string> names, host::list_xattrs(fd()));
  const Identity identity = without_host_privilege(*subject.identity, *file_system());
  names.erase(
      std::remove_if(names.begin(), names.end(), [&](const std::string& name) { return !shows_xattr_name(identity, name); }),
      names.end());
  return names;
}

}  // namespace litebox::rootfs
