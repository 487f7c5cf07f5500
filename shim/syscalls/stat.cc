// stat, fstat, lstat, newfstatat, statx (fs/stat.c).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "rootfs/descriptor_registry.h"
#include "rootfs/host_file.h"
#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

struct timespec to_timespec(const struct statx_timestamp& stamp) {
  struct timespec time {};
  time.tv_sec = stamp.tv_sec;
  time.tv_nsec = stamp.tv_nsec;
  return time;
}

struct stat to_stat(const struct statx& from) {
  struct stat to {};
  to.st_dev = makedev(from.stx_dev_major, from.stx_dev_minor);
  to.st_ino = from.stx_ino;
  to.st_nlink = from.stx_nlink;
  to.st_mode = from.stx_mode;
  to.st_uid = from.stx_uid;
  to.st_gid = from.stx_gid;
  to.st_rdev = makedev(from.stx_rdev_major, from.stx_rdev_minor);
  to.st_size = static_cast<off_t>(from.stx_size);
  to.st_blksize = from.stx_blksize;
  to.st_blocks = static_cast<blkcnt_t>(from.stx_blocks);
  to.st_atim = to_timespec(from.stx_atime);
  to.st_mtim = to_timespec(from.stx_mtime);
  to.st_ctim = to_timespec(from.stx_ctime);
  return to;
}

// vfs_statx() looks at them before it looks at the path.
constexpr unsigned kKnownFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;

Reply reply_stat(const Call& call, const rootfs::Location& location, GuestAddress buffer) {
  LITEBOX_OR_REPLY(const struct statx status, location.node->status(call.subject()));
  return Reply::from(call.memory.write_value(buffer, to_stat(status)));
}

// Descriptors are held things: of one that is no stand-in for a file of litebox's own, the kernel says all, as for fstat(2).
Result<struct statx> descriptor_status(const Call& call, int fd) {
  if (!call.world.mode().recorded_ownership && !call.world.mode().mapped_ids) {
    LITEBOX_ASSIGN(const Fd copy, call.file(fd));
    LITEBOX_ASSIGN(const struct statx status, rootfs::host::status(copy.get()));
    const rootfs::NodeKey key{gnu_dev_makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
    if (is_host_file(call, key)) return status;
  }
  LITEBOX_ASSIGN(const rootfs::Location location, locate_descriptor(call, fd, PathDescriptors::allowed));
  return location.node->status(call.subject());
}

Reply stat_path(const Call& call, unsigned at_flags) {
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, AT_FDCWD, path, at_flags));
  return reply_stat(call, location, call.address(1));
}

}  // namespace

Reply sys_stat(Call& call) { return stat_path(call, 0); }

Reply sys_lstat(Call& call) { return stat_path(call, AT_SYMLINK_NOFOLLOW); }

Reply sys_fstat(Call& call) {
  LITEBOX_OR_REPLY(const struct statx status, descriptor_status(call, call.integer(0)));
  return Reply::from(call.memory.write_value(call.address(1), to_stat(status)));
}

Reply sys_newfstatat(Call& call) {
  const unsigned flags = call.flags(3);
  if ((flags & ~kKnownFlags) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, path_maybe_null(call, 1, flags));
  if (path.empty() && (flags & AT_EMPTY_PATH) != 0 && call.integer(0) != AT_FDCWD) {
    LITEBOX_OR_REPLY(const struct statx status, descriptor_status(call, call.integer(0)));
    return Reply::from(call.memory.write_value(call.address(2), to_stat(status)));
  }
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, call.integer(0), path, flags));
  return reply_stat(call, location, call.address(2));
}

Reply sys_statx(Call& call) {
  const unsigned flags = call.flags(2);
  const unsigned mask = call.flags(3);
  if ((mask & static_cast<unsigned>(STATX__RESERVED)) != 0) return Reply::error(EINVAL);
  if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) return Reply::error(EINVAL);
  if ((flags & ~kKnownFlags) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, path_maybe_null(call, 1, flags));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, call.integer(0), path, flags));
  LITEBOX_OR_REPLY(struct statx status, location.node->status(call.subject()));
  status.stx_attributes_mask |= STATX_ATTR_MOUNT_ROOT;
  status.stx_attributes &= ~static_cast<uint64_t>(STATX_ATTR_MOUNT_ROOT);
  if (location.mount != nullptr) {
    if (location.mount->root->key() == location.node->key()) status.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
    status.stx_mnt_id = static_cast<uint64_t>(location.mount->id);
    status.stx_mask |= STATX_MNT_ID;
  }
  return Reply::from(call.memory.write_value(call.address(4), status));
}

}  // namespace litebox::syscalls
