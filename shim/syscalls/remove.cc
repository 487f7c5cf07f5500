// unlink, unlinkat (fs/namei.c do_unlinkat, do_rmdir).
#include "shim/syscalls/remove.h"

#include <fcntl.h>
#include <unistd.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// A name on which something is mounted stays; but only a caller who could have removed it learns so.
Status mountpoint_error(const rootfs::Subject& subject, const Entry& entry) {
  LITEBOX_TRY(entry.parent.node->check_access(subject, W_OK | X_OK));
  return Error(EBUSY);
}

}  // namespace

Reply remove_directory(const Call& call, int dirfd, const std::string& path) {
  LITEBOX_OR_REPLY(Entry entry, lookup_entry(call, dirfd, path));
  if (entry.last == rootfs::LastComponent::dot_dot) return Reply::error(ENOTEMPTY);
  if (entry.last == rootfs::LastComponent::dot) return Reply::error(EINVAL);
  if (entry.last == rootfs::LastComponent::root) return Reply::error(EBUSY);
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(entry.parent));
  if (!entry.exists()) return Reply::error(ENOENT);
  const rootfs::Subject subject = call.subject();
  if (entry.is_mountpoint(call.world.tree()) && entry.is_directory()) return Reply::from(mountpoint_error(subject, entry));
  entry.target = {};  // a directory that is held is not gone yet (inotify(7), IN_DELETE_SELF)
  return Reply::from(entry.parent.node->remove_directory(subject, entry.name));
}

Reply remove_file(const Call& call, int dirfd, const std::string& path) {
  LITEBOX_OR_REPLY(Entry entry, lookup_entry(call, dirfd, path));
  if (entry.last != rootfs::LastComponent::normal) return Reply::error(EISDIR);
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(entry.parent));
  if (!entry.exists()) return Reply::error(ENOENT);
  if (entry.trailing_slash) return Reply::error(entry.is_directory() ? EISDIR : ENOTDIR);
  const rootfs::Subject subject = call.subject();
  if (entry.is_mountpoint(call.world.tree()) && !entry.is_directory()) return Reply::from(mountpoint_error(subject, entry));
  entry.target = {};
  return Reply::from(entry.parent.node->unlink(subject, entry.name));
}

Reply sys_unlink(Call& call) {
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  return remove_file(call, AT_FDCWD, path);
}

Reply sys_unlinkat(Call& call) {
  const unsigned flags = call.flags(2);
  if ((flags & ~static_cast<unsigned>(AT_REMOVEDIR)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(1));
  if ((flags & AT_REMOVEDIR) != 0) return remove_directory(call, call.integer(0), path);
  return remove_file(call, call.integer(0), path);
}

}  // namespace litebox::syscalls
