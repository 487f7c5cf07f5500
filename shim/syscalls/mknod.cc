// mknod, mknodat (fs/namei.c do_mknodat).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr mode_t kModeBits = 07777;

// may_mknod: what kinds of files the call makes at all.
Status check_type(mode_t mode) {
  switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return {};
    case S_IFDIR:
      return Error(EPERM);
    default:
      return Error(EINVAL);
  }
}

Reply make_node(const Call& call, int dirfd, int path_index, mode_t mode, uint32_t device) {
  LITEBOX_CHECK_REPLY(check_type(mode));
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const Entry entry, lookup_new_entry(call, dirfd, path, false));
  const rootfs::Subject subject = call.subject();
  const mode_t type = (mode & S_IFMT) == 0 ? S_IFREG : mode & S_IFMT;
  const mode_t permissions = mode & kModeBits;
  // The directory's permission comes before the right to make devices.
  if (S_ISCHR(type) || S_ISBLK(type)) LITEBOX_CHECK_REPLY(entry.parent.node->check_access(subject, W_OK | X_OK));
  // The 32 bits are in the encoding of dev_t's lower half.
  return Reply::from(entry.parent.node->make_node(subject, entry.name, type | permissions, static_cast<dev_t>(device)));
}

}  // namespace

Reply sys_mknod(Call& call) { return make_node(call, AT_FDCWD, 0, call.flags(1) & 0xffff, call.flags(2)); }

Reply sys_mknodat(Call& call) { return make_node(call, call.integer(0), 1, call.flags(2) & 0xffff, call.flags(3)); }

}  // namespace litebox::syscalls
