// Directories of a RecordedNode: what makes, removes and moves entries.
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "rootfs/override_store.h"
#include "rootfs/recorded_node.h"
#include "rootfs/retry_access.h"

namespace litebox::rootfs {
namespace {

constexpr mode_t kPermissions = 07777;

// What fs.protected_hardlinks keeps others from linking to (fs/namei.c, safe_hardlink_source).
bool is_safe_to_link(const Identity& identity, const FileOwnership& file) {
  const bool set_id = (file.mode & S_ISUID) != 0 || (file.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  return S_ISREG(file.mode) && !set_id && may_access(identity, file, R_OK | W_OK).ok();
}

}  // namespace

bool RecordedNode::hides(const std::string& name) const {
  return OverrideStore::is_hidden(name) && file_system()->store() != nullptr && file_system()->store()->is_in(key());
}

Status RecordedNode::may_create(const Subject& subject, const std::string& name) const {
  LITEBOX_TRY(may_use(subject, W_OK | X_OK));
  return hides(name) ? Status(Error(EPERM)) : Status();
}

Status RecordedNode::may_remove(const Subject& subject, const std::string& name) const {
  if (hides(name)) return Error(ENOENT);
  const Identity& identity = *subject.identity;
  if (identity.has(CAP_DAC_OVERRIDE) && identity.has(CAP_FOWNER)) return {};
  LITEBOX_ASSIGN(const RecordedOwnership directory, ownership());
  LITEBOX_TRY(may_access(identity, directory.file, W_OK | X_OK));
  if ((directory.file.mode & S_ISVTX) == 0) return {};
  LITEBOX_ASSIGN(const Fd victim, host::lookup(fd(), name.c_str()));
  LITEBOX_ASSIGN(const struct statx status, host::status(victim.get()));
  return may_delete(identity, directory.file, read_ownership(*file_system(), victim.get(), status).file);
}

Result<RecordedOwnership> RecordedNode::ownership_of_new(const Subject& subject, mode_t mode_with_type) const {
  LITEBOX_ASSIGN(const RecordedOwnership directory, ownership());
  const mode_t permissions = S_ISLNK(mode_with_type) ? 0777 : mode_with_type & kPermissions & ~subject.umask;
  return RecordedOwnership{of_new_file(*subject.identity, directory.file, (mode_with_type & S_IFMT) | permissions), 0};
}

Status RecordedNode::own(int made, const RecordedOwnership& wanted) const {
  if (!needs_record(wanted)) return {};
  LITEBOX_ASSIGN(const struct statx status, host::status(made));
  return write_ownership(*file_system(), made, status, wanted);
}

Status RecordedNode::own_entry(const std::string& name, const RecordedOwnership& wanted) {
  if (!needs_record(wanted)) return {};
  LITEBOX_ASSIGN(const Fd made, host::lookup(fd(), name.c_str()));
  const Status owned = own(made.get(), wanted);
  if (!owned.ok()) (void)::unlinkat(fd(), name.c_str(), S_ISDIR(wanted.file.mode) ? AT_REMOVEDIR : 0);
  return owned;
}

Result<Fd> RecordedNode::create_file(const std::string& name, int flags, const RecordedOwnership& wanted) {
  const int how = (flags & ~(O_PATH | O_NOATIME)) | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  const mode_t mode = real_mode(S_IFREG | (wanted.file.mode & kPermissions)) & kPermissions;
  LITEBOX_ASSIGN(Fd made, retry_access(*file_system(), fd(), [&]() -> Result<Fd> {
                   Fd file(::openat(fd(), name.c_str(), how, mode));
                   if (!file) return last_error();
                   return file;
                 }));
  const Status owned = own(made.get(), wanted);
  if (!owned.ok()) {
    (void)::unlinkat(fd(), name.c_str(), 0);
    return owned.error();
  }
  return made;
}

Result<NodePtr> RecordedNode::lookup(const Subject& subject, const std::string& name) {
  if (!is_directory()) return Error(ENOTDIR);
  if (!subject.identity->has(CAP_DAC_READ_SEARCH)) LITEBOX_TRY(may_use(subject, X_OK));
  if (hides(name)) return Error(ENOENT);
  return node_of(retry_access(*file_system(), fd(), [&] { return host::lookup(fd(), name.c_str()); }));
}

Result<NodePtr> RecordedNode::lookup_path(const Subject& subject, const std::string& path) {
  // Anyone else has to be asked at every directory, and the store's own files have to stay hidden.
  if (!subject.identity->has(CAP_DAC_OVERRIDE) && !subject.identity->has(CAP_DAC_READ_SEARCH)) return Error(EXDEV);
  if (path.find(kOverrideStoreName) != std::string::npos) return Error(EXDEV);
  auto found = host::lookup_path(fd(), path);
  if (!found) {
    const int number = found.error().number();
    if (number == ELOOP || number == EAGAIN || number == ENOSYS || number == EACCES) return Error(EXDEV);
  }
  return node_of(std::move(found));
}

Result<NodePtr> RecordedNode::parent(const Subject& subject) {
  if (!subject.identity->has(CAP_DAC_READ_SEARCH)) LITEBOX_TRY(may_use(subject, X_OK));
  return node_of(retry_access(*file_system(), fd(), [&] { return host::parent(fd()); }));
}

Result<NodePtr> RecordedNode::create(const Subject& subject, const std::string& name, mode_t mode) {
  LITEBOX_ASSIGN(const Fd made, create_open(subject, name, O_RDONLY, mode));
  return node_of(host::reopen(made.get(), O_PATH));
}

Result<Fd> RecordedNode::create_open(const Subject& subject, const std::string& name, int flags, mode_t mode) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_create(subject, name));
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFREG | (mode & kPermissions)));
  return create_file(name, flags, wanted);
}

Status RecordedNode::make_directory(const Subject& subject, const std::string& name, mode_t mode) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_create(subject, name));
  const mode_t permissions = mode & (S_IRWXU | S_IRWXG | S_IRWXO | S_ISVTX);
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFDIR | permissions));
  const mode_t real = real_mode(wanted.file.mode) & kPermissions;
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::mkdirat(fd(), name.c_str(), real)); }));
  return own_entry(name, wanted);
}

Status RecordedNode::make_node(const Subject& subject, const std::string& name, mode_t mode, dev_t device) {
  if (!is_directory()) return Error(ENOTDIR);
  const mode_t type = (mode & S_IFMT) == 0 ? S_IFREG : mode & S_IFMT;
  LITEBOX_TRY(may_create(subject, name));
  LITEBOX_TRY(check_make_device(*subject.identity, *file_system(), type, device));
  LITEBOX_ASSIGN(RecordedOwnership wanted, ownership_of_new(subject, type | (mode & kPermissions)));
  if (S_ISCHR(type) || S_ISBLK(type)) wanted.device = device;
  if (S_ISREG(type) || S_ISCHR(type) || S_ISBLK(type)) {
    if (type != S_IFREG) file_system()->note_recorded_device();
    const auto made = create_file(name, O_RDONLY, wanted);
    return made.ok() ? Status() : Status(made.error());
  }
  const mode_t real = real_mode(wanted.file.mode);
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::mknodat(fd(), name.c_str(), real, 0)); }));
  return own_entry(name, wanted);
}

Status RecordedNode::make_symlink(const Subject& subject, const std::string& name, const std::string& target) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_create(subject, name));
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFLNK));
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::symlinkat(target.c_str(), fd(), name.c_str())); }));
  return own_entry(name, wanted);
}

Status RecordedNode::link(const Subject& subject, const std::string& name, const NodePtr& target) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_ASSIGN(const HostNode* source, same_file_system(target));
  LITEBOX_ASSIGN(const struct statx status, host::status(source->host_fd()));
  const FileOwnership owner = read_ownership(*file_system(), source->host_fd(), status).file;
  if (!owns(*subject.identity, owner) && !is_safe_to_link(*subject.identity, owner)) return Error(EPERM);
  LITEBOX_TRY(may_create(subject, name));
  if (source->is_directory()) return Error(EPERM);
  return retry_access(*file_system(), fd(), [&] { return host::link(source->host_fd(), fd(), name.c_str()); });
}

Status RecordedNode::unlink(const Subject& subject, const std::string& name) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_remove(subject, name));
  OverrideStore* store = file_system()->store();
  // A record in the store ends with the last name of its file.
  const auto victim = store != nullptr && !store->empty() ? host::lookup(fd(), name.c_str()) : Result<Fd>(Error(ENOENT));
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::unlinkat(fd(), name.c_str(), 0)); }));
  if (!victim.ok()) return {};
  const auto status = host::status(victim->get());
  if (status.ok() && status->stx_nlink == 0) (void)store->erase(*status);
  return {};
}

Status RecordedNode::remove_directory(const Subject& subject, const std::string& name) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_remove(subject, name));
  return retry_access(*file_system(), fd(), [&] { return host::check(::unlinkat(fd(), name.c_str(), AT_REMOVEDIR)); });
}

// fs/namei.c, vfs_rename.
Status RecordedNode::rename(const Subject& subject, const std::string& name, const NodePtr& new_parent,
                            const std::string& new_name, unsigned flags) {
  if ((flags & RENAME_WHITEOUT) != 0 && !subject.identity->has(CAP_MKNOD)) return Error(EPERM);
  LITEBOX_ASSIGN(const HostNode* target_host, same_file_system(new_parent));
  const auto& target = static_cast<const RecordedNode&>(*target_host);
  if (!is_directory() || !target.is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_remove(subject, name));
  if (target.hides(new_name)) return Error(EPERM);
  const auto replaced = host::lookup(target.fd(), new_name.c_str());
  LITEBOX_TRY(replaced.ok() ? target.may_remove(subject, new_name) : target.may_create(subject, new_name));
  // Another parent changes a directory's own "..".
  if (!subject.identity->has(CAP_DAC_OVERRIDE) && !(target.key() == key())) {
    const auto check_moved = [&](const HostNode& directory, const std::string& moved) -> Status {
      LITEBOX_ASSIGN(const Fd entry, host::lookup(directory.host_fd(), moved.c_str()));
      LITEBOX_ASSIGN(const struct statx status, host::status(entry.get()));
      if (!S_ISDIR(status.stx_mode)) return {};
      return may_access(*subject.identity, read_ownership(*file_system(), entry.get(), status).file, W_OK);
    };
    LITEBOX_TRY(check_moved(*this, name));
    if ((flags & RENAME_EXCHANGE) != 0) LITEBOX_TRY(check_moved(target, new_name));
  }
  const auto move = [&] { return host::check(::renameat2(fd(), name.c_str(), target.fd(), new_name.c_str(), flags)); };
  return retry_access(*file_system(), fd(), [&] { return retry_access(*file_system(), target.fd(), move); });
}

Result<std::vector<DirectoryEntry>> RecordedNode::read_directory(const Subject& /*subject*/, int64_t offset, size_t budget) {
  const bool filter = file_system()->store() != nullptr && file_system()->store()->is_in(key());
  while (true) {
    LITEBOX_ASSIGN(std::vector<DirectoryEntry> entries,
                   retry_access(*file_system(), fd(), [&] { return host::read_directory(fd(), offset, budget); }));
    if (file_system()->has_recorded_devices()) {
      // Which of the files are device nodes only a look at each would tell: readers are told to look (readdir(3)).
      for (DirectoryEntry& entry : entries) {
        if (entry.type == DT_REG) entry.type = DT_UNKNOWN;
      }
    }
    if (!filter || entries.empty()) return entries;
    offset = entries.back().next;
    entries.erase(std::remove_if(entries.begin(), entries.end(),
                                 [](const DirectoryEntry& entry) { return OverrideStore::is_hidden(entry.name); }),
                  entries.end());
    if (!entries.empty()) return entries;
  }
}

Result<Fd> RecordedNode::open_temporary(const Subject& subject, int flags, mode_t mode) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_use(subject, W_OK | X_OK));
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFREG | (mode & kPermissions)));
  const mode_t real = real_mode(wanted.file.mode) & kPermissions;
  LITEBOX_ASSIGN(Fd made, retry_access(*file_system(), fd(), [&]() -> Result<Fd> {
                   const int how = (flags & ~(O_NOFOLLOW | O_CREAT | O_NOATIME)) | O_TMPFILE | O_CLOEXEC;
                   Fd file(::open(host::FdPath(fd()).c_str(), how, real));
                   if (!file) return last_error();
                   return file;
                 }));
  LITEBOX_TRY(own(made.get(), wanted));
  return made;
}

}  // namespace litebox::rootfs
