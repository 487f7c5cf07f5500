#include "rootfs/recorded_ownership.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "rootfs/host_file.h"
#include "rootfs/override_record.h"
#include "rootfs/override_store.h"

namespace litebox::rootfs {
namespace {

constexpr mode_t kPermissions = 07777;

bool can_carry_xattr(mode_t mode) { return S_ISREG(mode) || S_ISDIR(mode); }

std::optional<OverrideRecord> read_record(const HostFileSystem& file_system, int fd, const struct statx& status,
                                          bool& in_attribute) {
  if (can_carry_xattr(status.stx_mode)) {
    const auto text = host::get_xattr(fd, kOverrideXattr);
    in_attribute = text.ok();
    if (text.ok()) return OverrideRecord::parse(*text);
    if (text.error().number() != EOPNOTSUPP) return std::nullopt;
  }
  return file_system.store() == nullptr ? std::nullopt : file_system.store()->find(status);
}

bool same_kind(mode_t recorded, mode_t host) {
  const bool device = recorded == S_IFCHR || recorded == S_IFBLK;
  return recorded == 0 || recorded == (host & S_IFMT) || (device && S_ISREG(host));
}

// Symlinks have no mode of their own.
bool mode_is_true(const RecordedOwnership& wanted, mode_t host_type) {
  return S_ISLNK(host_type) ||
         (wanted.file.mode & kPermissions) == (real_mode(host_type | (wanted.file.mode & kPermissions)) & kPermissions);
}

// `recorded`: what the record says of the list.
PosixAclPtr read_acl(int fd, const std::optional<std::string>& recorded, const char* name) {
  if (!recorded) return nullptr;
  const auto value = recorded->empty() ? host::get_xattr(fd, kept_name(name).c_str()) : Result<std::string>(*recorded);
  if (!value.ok()) return nullptr;
  auto acl = PosixAcl::parse(*value);
  return acl.ok() && *acl != nullptr && (*acl)->is_valid() ? *acl : nullptr;
}

Status write_acl(int fd, const char* name, const PosixAclPtr& wanted, const PosixAclPtr& before) {
  if (wanted == nullptr || wanted == before) return {};
  return host::set_xattr(fd, kept_name(name).c_str(), wanted->format(), {});
}

void remove_acl(int fd, const char* name, const PosixAclPtr& wanted, const PosixAclPtr& before) {
  if (wanted == nullptr && before != nullptr) (void)host::remove_xattr(fd, kept_name(name).c_str());
}

// An ACL is there before the record tells of it, and as long as it does.
Status write_attributes(int fd, bool wants_record, const OverrideRecord& record, const RecordedOwnership& wanted,
                        const RecordedOwnership& before) {
  LITEBOX_TRY(write_acl(fd, kAccessAcl, wanted.file.acl, before.file.acl));
  LITEBOX_TRY(write_acl(fd, kDefaultAcl, wanted.default_acl, before.default_acl));
  const Status done =
      wants_record ? host::set_xattr(fd, kOverrideXattr, record.format(), {}) : host::remove_xattr(fd, kOverrideXattr);
  if (!done.ok() && (wants_record || done.error().number() != ENODATA)) return done;
  remove_acl(fd, kAccessAcl, wanted.file.acl, before.file.acl);
  remove_acl(fd, kDefaultAcl, wanted.default_acl, before.default_acl);
  return {};
}

}  // namespace

mode_t real_mode(mode_t mode) {
  const mode_t needed = S_ISDIR(mode) ? S_IRWXU : S_IRUSR | S_IWUSR;
  return (mode & ~static_cast<mode_t>(S_ISUID | S_ISGID)) | needed;
}

bool needs_record(const RecordedOwnership& wanted) {
  const mode_t type = wanted.file.mode & S_IFMT;
  return wanted.recorded || wanted.file.uid != 0 || wanted.file.gid != 0 || type == S_IFCHR || type == S_IFBLK ||
         !mode_is_true(wanted, type) || wanted.file.acl != nullptr || wanted.default_acl != nullptr;
}

RecordedOwnership read_ownership(const HostFileSystem& file_system, int fd, const struct statx& status) {
  RecordedOwnership found;
  found.file.uid = status.stx_uid == ::geteuid() ? 0 : kNobody;
  found.file.gid = status.stx_gid == ::getegid() ? 0 : kNobody;
  found.file.mode = status.stx_mode;
  const auto record = read_record(file_system, fd, status, found.recorded);
  if (!record || !same_kind(record->type, status.stx_mode)) return found;
  found.file.uid = record->uid;
  found.file.gid = record->gid;
  const mode_t type = record->type == 0 ? status.stx_mode & S_IFMT : record->type;
  found.file.mode = S_ISLNK(type) ? status.stx_mode : type | record->permissions;
  found.device = record->device;
  found.file.acl = read_acl(fd, record->access_acl, kAccessAcl);
  found.default_acl = read_acl(fd, record->default_acl, kDefaultAcl);
  return found;
}

Status write_ownership(const HostFileSystem& file_system, int fd, const struct statx& status, const RecordedOwnership& wanted,
                       const RecordedOwnership& before) {
  const mode_t host_type = status.stx_mode & S_IFMT;
  const mode_t mode = real_mode(host_type | (wanted.file.mode & kPermissions)) & kPermissions;
  const bool mine = status.stx_uid == ::geteuid();
  if (!S_ISLNK(host_type) && (status.stx_mode & kPermissions) != mode) {
    if (!mine) return Error(EPERM);
    if (::chmod(host::FdPath(fd).c_str(), mode) != 0) return last_error();
  }
  // Without a record the host's ids decide, so only the monitor's own files can go without.
  const bool wants_record = needs_record(wanted) || !mine || status.stx_gid != ::getegid();
  OverrideRecord record{wanted.file.uid, wanted.file.gid, wanted.file.mode & kPermissions, wanted.file.mode & S_IFMT,
                        wanted.device};
  if (can_carry_xattr(host_type)) {
    if (wanted.file.acl != nullptr) record.access_acl.emplace();
    if (wanted.default_acl != nullptr) record.default_acl.emplace();
    const Status done = write_attributes(fd, wants_record, record, wanted, before);
    if (done.ok()) return {};
    if (done.error().number() == EACCES) return Error(EPERM);  // not the monitor's file
    if (done.error().number() != EOPNOTSUPP) return done;
  }
  if (wanted.file.acl != nullptr) record.access_acl = wanted.file.acl->format();
  if (wanted.default_acl != nullptr) record.default_acl = wanted.default_acl->format();
  if (file_system.store() == nullptr) return wants_record ? Status(Error(EPERM)) : Status();
  return wants_record ? file_system.store()->set(status, record) : file_system.store()->erase(status);
}

bool make_accessible(const HostFileSystem& file_system, int fd) {
  const auto status = host::status(fd);
  if (!status.ok() || status->stx_uid != ::geteuid() || S_ISLNK(status->stx_mode)) return false;
  const mode_t mode = real_mode(status->stx_mode) & kPermissions;
  if ((status->stx_mode & kPermissions) == mode) return false;
  // The record first needs a mode that lets it be read and written.
  if (::chmod(host::FdPath(fd).c_str(), mode | (status->stx_mode & (S_ISUID | S_ISGID))) != 0) return false;
  const RecordedOwnership present = read_ownership(file_system, fd, *status);
  return write_ownership(file_system, fd, *status, present, present).ok();
}

}  // namespace litebox::rootfs
