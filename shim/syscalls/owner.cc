// chown, fchown, lchown, fchownat (fs/open.c chown_common).
#include <fcntl.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

Reply change_owner(const Call& call, const rootfs::Location& location, uid_t uid, gid_t gid) {
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(location));
  return Reply::from(location.node->change_owner(call.subject(), uid, gid));
}

Reply change_owner_at(const Call& call, int dirfd, int path_index, uid_t uid, gid_t gid, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, dirfd, path, flags));
  return change_owner(call, location, uid, gid);
}

}  // namespace

Reply sys_chown(Call& call) { return change_owner_at(call, AT_FDCWD, 0, call.flags(1), call.flags(2), 0); }

Reply sys_lchown(Call& call) { return change_owner_at(call, AT_FDCWD, 0, call.flags(1), call.flags(2), AT_SYMLINK_NOFOLLOW); }

Reply sys_fchown(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_descriptor(call, call.integer(0), PathDescriptors::refused));
  return change_owner(call, location, call.flags(1), call.flags(2));
}

Reply sys_fchownat(Call& call) {
  return change_owner_at(call, call.integer(0), 1, call.flags(2), call.flags(3), call.flags(4));
}

}  // namespace litebox::syscalls
