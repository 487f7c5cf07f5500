// rename, renameat, renameat2 (fs/namei.c do_renameat2).
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <unistd.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// What the two names must be for the kinds of files that they have now; the file system checks the rest.
Status check_entries(const Entry& from, const Entry& to, unsigned flags) {
  if (!from.exists()) return Error(ENOENT);
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if ((flags & RENAME_NOREPLACE) != 0 && to.exists()) return Error(EEXIST);
  if (exchange) {
    if (!to.exists()) return Error(ENOENT);
    if (!to.is_directory() && to.trailing_slash) return Error(ENOTDIR);
  }
  if (!from.is_directory()) {
    if (from.trailing_slash) return Error(ENOTDIR);
    if (!exchange && to.trailing_slash) return Error(ENOTDIR);
  }
  return {};
}

// ".", ".." and "/" are no names that could be given or taken.
Status check_last(const Entry& entry, int error) {
  return entry.last == rootfs::LastComponent::normal ? Status() : Status(Error(error));
}

bool has_long_name(const Error& error) { return error.number() == ENAMETOOLONG; }

// The mount of the directory in which a path's last component is.
Result<rootfs::MountPtr> directory_mount(const Call& call, int dirfd, const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = end == std::string::npos ? end : path.rfind('/', end);
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1) + ".";
  LITEBOX_ASSIGN(const rootfs::Location location, locate_at(call, dirfd, directory, 0));
  return location.mount;
}

Reply rename_entry(const Call& call, int old_dirfd, int old_index, int new_dirfd, int new_index, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0) return Reply::error(EINVAL);
  if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0 && (flags & RENAME_EXCHANGE) != 0) return Reply::error(EINVAL);
  const int taken = (flags & RENAME_NOREPLACE) != 0 ? EEXIST : EBUSY;
  LITEBOX_OR_REPLY(const std::string old_path, call.path(old_index));
  LITEBOX_OR_REPLY(const std::string new_path, call.path(new_index));
  Result<Entry> old_entry = lookup_entry(call, old_dirfd, old_path);
  if (!old_entry.ok() && !has_long_name(old_entry.error())) return Reply::error(old_entry.error());
  Result<Entry> new_entry = lookup_entry(call, new_dirfd, new_path);
  if (!old_entry.ok() || (!new_entry.ok() && has_long_name(new_entry.error()))) {
    // Names are looked at only after both directories.
    LITEBOX_OR_REPLY(const rootfs::MountPtr old_mount, directory_mount(call, old_dirfd, old_path));
    if (new_path.empty()) return Reply::error(ENOENT);
    LITEBOX_OR_REPLY(const rootfs::MountPtr new_mount, directory_mount(call, new_dirfd, new_path));
    if (old_mount != new_mount) return Reply::error(EXDEV);
    if (old_entry.ok()) LITEBOX_CHECK_REPLY(check_last(*old_entry, EBUSY));
    if (new_entry.ok()) LITEBOX_CHECK_REPLY(check_last(*new_entry, taken));
    LITEBOX_CHECK_REPLY(rootfs::Tree::want_write({old_mount, nullptr}));
    return Reply::error(old_entry.ok() && !old_entry->exists() ? ENOENT : ENAMETOOLONG);
  }
  LITEBOX_OR_REPLY(const Entry from, std::move(old_entry));
  LITEBOX_OR_REPLY(const Entry to, std::move(new_entry));
  if (from.parent.mount != to.parent.mount) return Reply::error(EXDEV);
  LITEBOX_CHECK_REPLY(check_last(from, EBUSY));
  LITEBOX_CHECK_REPLY(check_last(to, taken));
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(from.parent));
  LITEBOX_CHECK_REPLY(check_entries(from, to, flags));
  const rootfs::Subject subject = call.subject();
  if (from.is_mountpoint(call.world.tree()) || to.is_mountpoint(call.world.tree())) {
    LITEBOX_CHECK_REPLY(from.parent.node->check_access(subject, W_OK | X_OK));
    LITEBOX_CHECK_REPLY(to.parent.node->check_access(subject, W_OK | X_OK));
    // may_delete() looks at the kinds of both before vfs_rename() at what is mounted on them.
    if ((flags & RENAME_EXCHANGE) == 0 && to.exists() && from.is_directory() != to.is_directory()) {
      return Reply::error(from.is_directory() ? ENOTDIR : EISDIR);
    }
    return Reply::error(EBUSY);
  }
  if ((flags & RENAME_WHITEOUT) != 0 && !call.credentials().has(CAP_MKNOD)) return Reply::error(EPERM);
  return Reply::from(from.parent.node->rename(subject, from.name, to.parent.node, to.name, flags));
}

}  // namespace

Reply sys_rename(Call& call) { return rename_entry(call, AT_FDCWD, 0, AT_FDCWD, 1, 0); }

Reply sys_renameat(Call& call) { return rename_entry(call, call.integer(0), 1, call.integer(2), 3, 0); }

Reply sys_renameat2(Call& call) { return rename_entry(call, call.integer(0), 1, call.integer(2), 3, call.flags(4)); }

}  // namespace litebox::syscalls
