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

// Whether the directory `directory` is `ancestor` or lies below it.
bool is_at_or_above(int ancestor, int directory) {
  const auto wanted = host::identify(ancestor);
  auto here = host::reopen(directory, O_PATH);
  NodeKey last;
  while (wanted.ok() && here.ok()) {
    const auto found = host::identify(here->get());
    if (!found.ok() || found->key == last) return false;
    if (found->key == wanted->key) return true;
    last = found->key;
    here = host::parent(here->get());
  }
  return false;
}

bool same_entry(int directory, const std::string& name, int other_directory, const std::string& other_name) {
  struct stat one {
  }, other{};
  return ::fstatat(directory, name.c_str(), &one, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstatat(other_directory, other_name.c_str(), &other, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

bool is_directory_at(int directory, const std::string& name) {
  struct stat status {};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

bool RecordedNode::hides(const std::string& name) const {
  return OverrideStore::is_hidden(name) && file_system()->store() != nullptr && file_system()->store()->is_in(key());
}

// filename_create() finds what exists before vfs_create() and its like look at permissions.
Status RecordedNode::may_create(const Subject& subject, const std::string& name) const {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_search(subject));
  if (hides(name)) return Error(EPERM);
  const Status may = may_use(subject, W_OK | X_OK);
  if (may.ok()) return may;
  if (exists(name)) return Error(EEXIST);
  LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
  return status.stx_nlink == 0 ? Status(Error(ENOENT)) : may;  // may_create(): first of all, whether it has been removed
}

Status RecordedNode::may_remove(const Subject& subject, const std::string& name) const {
  if (!is_directory()) return Error(ENOTDIR);
  const Identity& identity = *subject.identity;
  if (hides(name)) return Error(ENOENT);
  if (identity.has(CAP_DAC_OVERRIDE) && identity.has(CAP_FOWNER)) return {};
  LITEBOX_TRY(may_search(subject));
  LITEBOX_ASSIGN(const Fd victim, host::lookup(fd(), name.c_str()));
  LITEBOX_ASSIGN(const RecordedOwnership directory, ownership());
  LITEBOX_ASSIGN(const struct statx status, host::status(victim.get()));
  return may_delete(identity, directory.file, read_ownership(*file_system(), victim.get(), status).file);
}

Status RecordedNode::may_search(const Subject& subject) const {
  return subject.identity->has(CAP_DAC_READ_SEARCH) ? Status() : may_use(subject, X_OK);
}

bool RecordedNode::exists(const std::string& name) const { return host::lookup(fd(), name.c_str()).ok(); }

Result<RecordedOwnership> RecordedNode::ownership_of_new(const Subject& subject, mode_t mode_with_type) const {
  LITEBOX_ASSIGN(const RecordedOwnership directory, ownership());
  const Identity& identity = *subject.identity;
  if (S_ISLNK(mode_with_type)) return RecordedOwnership{of_new_file(identity, directory.file, nullptr, S_IFLNK | 0777U, 0)};
  RecordedOwnership wanted{of_new_file(identity, directory.file, directory.default_acl.get(), mode_with_type, subject.umask)};
  wanted.recorded = directory.recorded && !S_ISFIFO(mode_with_type) && !S_ISSOCK(mode_with_type);
  if (S_ISDIR(mode_with_type)) wanted.default_acl = directory.default_acl;
  return wanted;
}

Status RecordedNode::own(int made, const RecordedOwnership& wanted) const {
  if (!needs_record(wanted)) return {};
  LITEBOX_ASSIGN(const struct statx status, host::status(made));
  return write_ownership(*file_system(), made, status, wanted, {});
}

Status RecordedNode::own_entry(const std::string& name, const RecordedOwnership& wanted) {
  if (!needs_record(wanted)) return {};
  LITEBOX_ASSIGN(const Fd made, host::lookup(fd(), name.c_str()));
  const Status owned = own(made.get(), wanted);
  if (!owned.ok()) (void)::unlinkat(fd(), name.c_str(), S_ISDIR(wanted.file.mode) ? AT_REMOVEDIR : 0);
  return owned;
}

Status RecordedNode::own_made(const Subject& subject, const std::string& name, mode_t mode) {
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, mode));
  LITEBOX_ASSIGN(const Fd made, host::lookup(fd(), name.c_str()));
  LITEBOX_ASSIGN(const struct statx status, host::status(made.get()));
  return write_ownership(*file_system(), made.get(), status, wanted, {});
}

Result<Fd> RecordedNode::create_file(const std::string& name, int flags, const RecordedOwnership& wanted) {
  const int how = (flags & ~(O_PATH | O_NOATIME)) | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC;
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
  LITEBOX_TRY(may_search(subject));
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
  LITEBOX_TRY(may_search(subject));
  return node_of(retry_access(*file_system(), fd(), [&] { return host::parent(fd()); }));
}

Result<NodePtr> RecordedNode::create(const Subject& subject, const std::string& name, mode_t mode) {
  LITEBOX_ASSIGN(const Fd made, create_open(subject, name, O_RDONLY, mode));
  return node_of(host::reopen(made.get(), O_PATH));
}

Result<Fd> RecordedNode::create_open(const Subject& subject, const std::string& name, int flags, mode_t mode) {
  LITEBOX_TRY(may_create(subject, name));
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFREG | (mode & kPermissions)));
  return create_file(name, flags, wanted);
}

Status RecordedNode::make_directory(const Subject& subject, const std::string& name, mode_t mode) {
  LITEBOX_TRY(may_create(subject, name));
  const mode_t permissions = mode & (S_IRWXU | S_IRWXG | S_IRWXO | S_ISVTX);
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFDIR | permissions));
  const mode_t real = real_mode(wanted.file.mode) & kPermissions;
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::mkdirat(fd(), name.c_str(), real)); }));
  return own_entry(name, wanted);
}

Status RecordedNode::make_node(const Subject& subject, const std::string& name, mode_t mode, dev_t device) {
  const mode_t type = (mode & S_IFMT) == 0 ? S_IFREG : mode & S_IFMT;
  LITEBOX_TRY(may_create(subject, name));
  if (Status may = check_make_device(*subject.identity, *file_system(), type, device); !may.ok()) {
    return exists(name) ? Status(Error(EEXIST)) : may;
  }
  LITEBOX_ASSIGN(RecordedOwnership wanted, ownership_of_new(subject, type | (mode & kPermissions)));
  if (S_ISCHR(type) || S_ISBLK(type)) wanted.device = device;
  if (S_ISCHR(type) || S_ISBLK(type)) {
    file_system()->note_recorded_device();
    const auto made = create_file(name, O_RDONLY, wanted);
    return made.ok() ? Status() : Status(made.error());
  }
  const mode_t real = real_mode(wanted.file.mode);
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::mknodat(fd(), name.c_str(), real, 0)); }));
  return own_entry(name, wanted);
}

Status RecordedNode::make_symlink(const Subject& subject, const std::string& name, const std::string& target) {
  LITEBOX_TRY(may_create(subject, name));
  LITEBOX_ASSIGN(const RecordedOwnership wanted, ownership_of_new(subject, S_IFLNK));
  LITEBOX_TRY(retry_access(*file_system(), fd(), [&] { return host::check(::symlinkat(target.c_str(), fd(), name.c_str())); }));
  return own_entry(name, wanted);
}

// do_linkat() and vfs_link(): a directory that is gone, what exists, protected_hardlinks, permission, directories, in this
// order.
Status RecordedNode::link(const Subject& subject, const std::string& name, const NodePtr& target) {
  if (!is_directory()) return Error(ENOTDIR);
  LITEBOX_ASSIGN(const HostNode* source, same_file_system(target));
  LITEBOX_TRY(may_search(subject));
  if (hides(name)) return Error(EPERM);
  LITEBOX_ASSIGN(const struct statx directory, host::status(fd()));
  if (directory.stx_nlink == 0) return Error(ENOENT);
  LITEBOX_ASSIGN(const struct statx status, host::status(source->host_fd()));
  const FileOwnership owner = read_ownership(*file_system(), source->host_fd(), status).file;
  if (!owns(*subject.identity, owner) && !is_safe_to_link(*subject.identity, owner)) {
    return Error(exists(name) ? EEXIST : EPERM);
  }
  LITEBOX_TRY(may_create(subject, name));
  if (source->is_directory()) return Error(exists(name) ? EEXIST : EPERM);
  return retry_access(*file_system(), fd(), [&] { return host::link(source->host_fd(), fd(), name.c_str()); });
}

Status RecordedNode::unlink(const Subject& subject, const std::string& name) {
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
  LITEBOX_TRY(may_remove(subject, name));
  return retry_access(*file_system(), fd(), [&] { return host::check(::unlinkat(fd(), name.c_str(), AT_REMOVEDIR)); });
}

// vfs_rename(): the permissions that renaming `name` to `new_name` in `target` asks for.
Status RecordedNode::may_rename(const Subject& subject, const std::string& name, const RecordedNode& target,
                                const std::string& new_name, unsigned flags) const {
  const bool replaces = target.exists(new_name);
  LITEBOX_TRY(may_remove(subject, name));
  LITEBOX_TRY(replaces ? target.may_remove(subject, new_name) : target.may_create(subject, new_name));
  if (subject.identity->has(CAP_DAC_OVERRIDE) || target.key() == key()) return {};
  if (replaces && (flags & RENAME_EXCHANGE) == 0 && is_directory_at(fd(), name) && !is_directory_at(target.fd(), new_name)) {
    return Error(ENOTDIR);
  }
  // Another parent changes a directory's own "..".
  const auto check_moved = [&](const RecordedNode& directory, const std::string& moved) -> Status {
    LITEBOX_ASSIGN(const Fd entry, host::lookup(directory.fd(), moved.c_str()));
    LITEBOX_ASSIGN(const struct statx status, host::status(entry.get()));
    if (!S_ISDIR(status.stx_mode)) return {};
    return may_access(*subject.identity, read_ownership(*file_system(), entry.get(), status).file, W_OK);
  };
  LITEBOX_TRY(check_moved(*this, name));
  return (flags & RENAME_EXCHANGE) != 0 ? check_moved(target, new_name) : Status();
}

// do_renameat2(): what makes a rename impossible, whoever asks, comes before permissions.
Status RecordedNode::impossible_rename(const std::string& name, const RecordedNode& target, const std::string& new_name,
                                       unsigned flags) const {
  LITEBOX_ASSIGN(const Fd source, host::lookup(fd(), name.c_str()));
  const auto replaced = host::lookup(target.fd(), new_name.c_str());
  if ((flags & RENAME_NOREPLACE) != 0 && replaced.ok()) return Error(EEXIST);
  if ((flags & RENAME_EXCHANGE) != 0 && !replaced.ok()) return Error(ENOENT);
  if (is_at_or_above(source.get(), target.fd())) return Error(EINVAL);
  if (replaced.ok() && is_at_or_above(replaced->get(), fd())) {
    return Error((flags & RENAME_EXCHANGE) != 0 ? EINVAL : ENOTEMPTY);
  }
  return {};
}

Status RecordedNode::rename(const Subject& subject, const std::string& name, const NodePtr& new_parent,
                            const std::string& new_name, unsigned flags) {
  if ((flags & RENAME_WHITEOUT) != 0 && !subject.identity->has(CAP_MKNOD)) return Error(EPERM);
  LITEBOX_ASSIGN(const HostNode* target_host, same_file_system(new_parent));
  const auto& target = static_cast<const RecordedNode&>(*target_host);
  if (!is_directory() || !target.is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(may_search(subject));
  LITEBOX_TRY(target.may_search(subject));
  if (hides(name)) return Error(ENOENT);
  if (target.hides(new_name)) return Error(EPERM);
  const Status may = may_rename(subject, name, target, new_name, flags);
  if (!may.ok()) {
    LITEBOX_TRY(impossible_rename(name, target, new_name, flags));
    // Two names of one file: vfs_rename() has nothing to do.
    return same_entry(fd(), name, target.fd(), new_name) ? Status() : may;
  }
  const auto move = [&] { return host::check(::renameat2(fd(), name.c_str(), target.fd(), new_name.c_str(), flags)); };
  return retry_access(*file_system(), fd(), [&] { return retry_access(*file_system(), target.fd(), move); });
}

// The DT_* of one of the host's files, which may be a device node if it is empty; DT_UNKNOWN when it cannot be looked at.
unsigned char RecordedNode::recorded_type(const std::string& name) const {
  struct stat status {};
  if (::fstatat(fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  if (S_ISREG(status.st_mode) && status.st_size != 0) return DT_REG;
  const auto node = node_of(host::lookup(fd(), name.c_str()));
  if (!node.ok()) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT((*node)->type()));
}

bool RecordedNode::has_hidden_names() const {
  return file_system()->store() != nullptr && file_system()->store()->is_in(key());
}

bool RecordedNode::is_listed_by_host() const { return !file_system()->has_recorded_devices() && !has_hidden_names(); }

Result<std::vector<DirectoryEntry>> RecordedNode::read_directory(const Subject& /*subject*/, int64_t offset, size_t budget) {
  const bool filter = has_hidden_names();
  while (true) {
    LITEBOX_ASSIGN(std::vector<DirectoryEntry> entries,
                   retry_access(*file_system(), fd(), [&] { return host::read_directory(fd(), offset, budget); }));
    if (file_system()->has_recorded_devices()) {
      for (DirectoryEntry& entry : entries) {
        if (entry.type == DT_REG) entry.type = recorded_type(entry.name);
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
