#include "rootfs/recorded_node.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "rootfs/override_record.h"
#include "rootfs/retry_access.h"

namespace litebox::rootfs {
namespace {

bool is_private_xattr(const std::string& name) { return name.compare(0, kOverridePrefix.size(), kOverridePrefix) == 0; }

// The devices that give nothing away: an ordinary user has them on the host, too.
const char* harmless_device(mode_t type, dev_t device) {
  if (!S_ISCHR(type) || gnu_dev_major(device) != 1) return nullptr;
  switch (gnu_dev_minor(device)) {
    case 3:
      return "/dev/null";
    case 5:
      return "/dev/zero";
    case 7:
      return "/dev/full";
    case 8:
      return "/dev/random";
    case 9:
      return "/dev/urandom";
    default:
      return nullptr;
  }
}

// Attributes that only privilege can set on the host are kept under names of the monitor's own.
bool is_kept(const std::string& name) { return name.starts_with("security.") || name.starts_with("trusted."); }

// Whether an attribute of this name is the file's data, for whose use the file's mode counts (fs/xattr.c, xattr_permission).
bool is_data(const std::string& name) {
  return !name.starts_with("security.") && !name.starts_with("system.") && !name.starts_with("trusted.");
}

constexpr const char* kFileCapabilities = "security.capability";

// struct vfs_cap_data or vfs_ns_cap_data (linux/capability.h) with the revision that belongs to its size.
bool is_file_capabilities(const std::string& value) {
  uint32_t magic = 0;
  if (value.size() != XATTR_CAPS_SZ_2 && value.size() != XATTR_CAPS_SZ_3) return false;
  std::memcpy(&magic, value.data(), sizeof magic);
  const uint32_t revision = value.size() == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3;
  return (le32toh(magic) & ~VFS_CAP_FLAGS_EFFECTIVE) == revision;
}

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }

}  // namespace

Result<NodePtr> RecordedNode::make(const HostFileSystemPtr& file_system, Fd fd, const host::Identification& identification) {
  mode_t type = identification.mode & S_IFMT;
  // A recorded device node is an empty file.
  if (S_ISREG(type) && identification.size == 0) {
    struct statx status {};
    status.stx_mode = static_cast<uint16_t>(identification.mode);
    type = read_ownership(*file_system, fd.get(), status).file.mode & S_IFMT;
    if (type != S_IFREG) file_system->note_recorded_device();
  }
  return NodePtr(std::make_shared<RecordedNode>(file_system, std::move(fd), identification, type));
}

Result<RecordedOwnership> RecordedNode::ownership() const {
  LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
  return read_ownership(*file_system(), fd(), status);
}

Status RecordedNode::may_use(const Subject& subject, int mask) const {
  const Identity& identity = *subject.identity;
  if (identity.has(CAP_DAC_OVERRIDE) && (is_directory() || (mask & X_OK) == 0)) return {};
  LITEBOX_ASSIGN(const RecordedOwnership owner, ownership());
  return may_access(identity, owner.file, mask);
}

Result<struct statx> RecordedNode::status(const Subject& /*subject*/) {
  LITEBOX_ASSIGN(struct statx status, host::status(fd()));
  const RecordedOwnership owner = read_ownership(*file_system(), fd(), status);
  status.stx_uid = owner.file.uid;
  status.stx_gid = owner.file.gid;
  status.stx_mode = static_cast<uint16_t>(owner.file.mode);
  if (type() != host_type()) {
    status.stx_rdev_major = gnu_dev_major(owner.device);
    status.stx_rdev_minor = gnu_dev_minor(owner.device);
    // What open_device() opens in its place: programs compare what they have looked at with what they then hold.
    struct stat device {};
    const char* path = harmless_device(type(), owner.device);
    if (path != nullptr && ::lstat(path, &device) == 0 && device.st_rdev == owner.device) {
      status.stx_dev_major = gnu_dev_major(device.st_dev);
      status.stx_dev_minor = gnu_dev_minor(device.st_dev);
      status.stx_ino = device.st_ino;
    }
  }
  return status;
}

Status RecordedNode::check_access(const Subject& subject, int mask) { return may_use(subject, mask); }

Status RecordedNode::drop_privileges(const Subject& subject) const {
  if (!S_ISREG(type())) return {};
  drop_file_capabilities();
  if (subject.identity->has(CAP_FSETID)) return {};
  LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
  const RecordedOwnership before = read_ownership(*file_system(), fd(), status);
  RecordedOwnership owner = before;
  owner.file.mode = after_write(*subject.identity, before.file);
  if (owner.file.mode == before.file.mode) return {};
  return write_ownership(*file_system(), fd(), status, owner, before);
}

// security/commoncap.c, cap_inode_killpriv: whoever writes to a program or gives it away, it loses its capabilities.
void RecordedNode::drop_file_capabilities() const {
  (void)::removexattr(host::FdPath(fd()).c_str(), kept_name(kFileCapabilities).c_str());
}

Result<Fd> RecordedNode::open_device(int flags) const {
  LITEBOX_ASSIGN(const RecordedOwnership owner, ownership());
  LITEBOX_TRY(check_open_device(*file_system(), type(), owner.device, flags));
  const char* path = harmless_device(type(), owner.device);
  if (path == nullptr) return Error(EPERM);
  Fd device(::open(path, (flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOATIME)) | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
  if (!device) return last_error();
  struct stat status {};
  if (::fstat(device.get(), &status) != 0) return last_error();
  if (!S_ISCHR(status.st_mode) || status.st_rdev != owner.device) return Error(ENXIO);
  return device;
}

Result<Fd> RecordedNode::open(const Subject& subject, int flags) {
  if ((flags & O_DIRECTORY) != 0 && !is_directory()) return Error(ENOTDIR);
  if ((flags & O_PATH) != 0) return host::reopen(fd(), flags);
  if (is_symlink()) return Error(ELOOP);
  if (is_directory() && writes(flags)) return Error(EISDIR);
  const int access = flags & O_ACCMODE;
  LITEBOX_TRY(may_use(subject, (access != O_WRONLY ? R_OK : 0) | (writes(flags) ? W_OK : 0)));
  if ((flags & O_NOATIME) != 0) {
    LITEBOX_ASSIGN(const RecordedOwnership owner, ownership());
    if (!owns(*subject.identity, owner.file)) return Error(EPERM);
    struct stat status {};
    if (::fstat(fd(), &status) != 0) return last_error();
    if (status.st_uid != ::geteuid()) flags &= ~O_NOATIME;
  }
  if (type() != host_type()) return open_device(flags);
  if (S_ISCHR(type()) || S_ISBLK(type())) {
    LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
    LITEBOX_TRY(
        check_open_device(*file_system(), type(), gnu_dev_makedev(status.stx_rdev_major, status.stx_rdev_minor), flags));
  }
  if (writes(flags)) LITEBOX_TRY(drop_privileges(subject));
  return retry_access(*file_system(), fd(), [&] { return host::reopen(fd(), flags); });
}

Status RecordedNode::truncate(const Subject& subject, int64_t length) {
  if (is_directory()) return Error(EISDIR);
  if (!S_ISREG(type())) return Error(EINVAL);
  LITEBOX_TRY(may_use(subject, W_OK));
  LITEBOX_TRY(drop_privileges(subject));
  return retry_access(*file_system(), fd(), [&] { return host::check(::truncate(host::FdPath(fd()).c_str(), length)); });
}

Status RecordedNode::change_mode(const Subject& subject, mode_t mode) {
  if (is_symlink()) return Error(EOPNOTSUPP);
  LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
  const RecordedOwnership before = read_ownership(*file_system(), fd(), status);
  RecordedOwnership owner = before;
  LITEBOX_ASSIGN(owner.file, after_chmod(*subject.identity, before.file, mode));
  return write_ownership(*file_system(), fd(), status, owner, before);
}

Status RecordedNode::change_owner(const Subject& subject, uid_t uid, gid_t gid) {
  LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
  const RecordedOwnership before = read_ownership(*file_system(), fd(), status);
  RecordedOwnership owner = before;
  LITEBOX_ASSIGN(owner.file, after_chown(*subject.identity, before.file, uid, gid));
  if (!is_directory()) drop_file_capabilities();
  return write_ownership(*file_system(), fd(), status, owner, before);
}

// fs/utimes.c, vfs_utimes, with fs/attr.c, setattr_prepare.
Status RecordedNode::change_times(const Subject& subject, const struct timespec times[2]) {
  const bool omitted = times != nullptr && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT;
  if (omitted) return {};
  const bool now = times == nullptr || (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW);
  LITEBOX_ASSIGN(const RecordedOwnership owner, ownership());
  if (!owns(*subject.identity, owner.file)) {
    if (!now) return Error(EPERM);
    LITEBOX_TRY(may_access(*subject.identity, owner.file, W_OK));
  }
  return host::change_times(fd(), times);
}

Result<std::string> RecordedNode::get_xattr(const Subject& subject, const std::string& name) {
  if (is_private_xattr(name)) return Error(ENODATA);
  if (is_acl_name(name)) return get_acl(name);
  LITEBOX_TRY(check_xattr_name(*subject.identity, type(), name, XattrUse::read));
  if (is_data(name)) LITEBOX_TRY(may_use(subject, R_OK));
  if (is_kept(name)) {
    auto kept = retry_access(*file_system(), fd(), [&] { return host::get_xattr(fd(), kept_name(name).c_str()); });
    if (kept.ok()) return kept;
  }
  return retry_access(*file_system(), fd(), [&] { return host::get_xattr(fd(), name.c_str()); });
}

// xattr_permission(), for writing
Status RecordedNode::may_change_xattr(const Subject& subject, const std::string& name) const {
  LITEBOX_TRY(check_xattr_name(*subject.identity, type(), name, XattrUse::write));
  if (!is_data(name)) return {};
  LITEBOX_ASSIGN(const RecordedOwnership owner, ownership());
  const bool sticky = is_directory() && (owner.file.mode & S_ISVTX) != 0;
  if (sticky && name.starts_with("user.") && !owns(*subject.identity, owner.file)) return Error(EPERM);
  return may_access(*subject.identity, owner.file, W_OK);
}

Status RecordedNode::set_xattr(const Subject& subject, const std::string& name, const std::string& value, XattrFlags flags) {
  if (is_private_xattr(name)) return Error(EPERM);
  if (is_acl_name(name)) return set_acl(subject, name, value);
  LITEBOX_TRY(may_change_xattr(subject, name));
  if (name == kFileCapabilities && !value.empty() && !is_file_capabilities(value)) return Error(EINVAL);
  if (is_kept(name)) {
    const auto keep = [&] { return host::set_xattr(fd(), kept_name(name).c_str(), value, flags); };
    const Status kept = retry_access(*file_system(), fd(), keep);
    // Only files and directories carry attributes of users.
    return !kept.ok() && kept.error().number() == EPERM ? Status(Error(EOPNOTSUPP)) : kept;
  }
  if (!name.starts_with("user.")) return Error(EOPNOTSUPP);
  return retry_access(*file_system(), fd(), [&] { return host::set_xattr(fd(), name.c_str(), value, flags); });
}

Status RecordedNode::remove_xattr(const Subject& subject, const std::string& name) {
  if (is_private_xattr(name)) return Error(ENODATA);
  if (is_acl_name(name)) return set_acl(subject, name, {});
  LITEBOX_TRY(may_change_xattr(subject, name));
  if (!is_kept(name) && !name.starts_with("user.")) return Error(EOPNOTSUPP);
  const std::string kept = is_kept(name) ? kept_name(name) : name;
  return retry_access(*file_system(), fd(), [&] { return host::remove_xattr(fd(), kept.c_str()); });
}

Result<std::vector<std::string>> RecordedNode::list_xattrs(const Subject& subject) {
  LITEBOX_ASSIGN(std::vector<std::string> names, host::list_xattrs(fd()));
  const std::vector<std::string> acls = acl_names(names);
  for (std::string& name : names) {
    if (is_private_xattr(name) && is_kept(name.substr(kOverridePrefix.size()))) name.erase(0, kOverridePrefix.size());
  }
  const auto hidden = [&](const std::string& name) {
    return is_private_xattr(name) || is_acl_name(name) || !shows_xattr_name(*subject.identity, name);
  };
  names.erase(std::remove_if(names.begin(), names.end(), hidden), names.end());
  names.insert(names.end(), acls.begin(), acls.end());
  return names;
}

}  // namespace litebox::rootfs
