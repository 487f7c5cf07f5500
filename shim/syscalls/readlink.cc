// readlink, readlinkat (fs/stat.c do_readlinkat).
#include <fcntl.h>

#include <algorithm>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

Reply read_link(const Call& call, int dirfd, int path_index, GuestAddress buffer, int size) {
  if (size <= 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, dirfd, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
  if (!location.node->is_symlink()) return Reply::error(path.empty() ? ENOENT : EINVAL);
  LITEBOX_OR_REPLY(const std::string target, location.node->read_link(call.subject()));
  const size_t length = std::min(target.size(), static_cast<size_t>(size));
  LITEBOX_CHECK_REPLY(call.memory.write(buffer, target.data(), length));
  return Reply::value(static_cast<int64_t>(length));
}

}  // namespace

Reply sys_readlink(Call& call) { return read_link(call, AT_FDCWD, 0, call.address(1), call.integer(2)); }

Reply sys_readlinkat(Call& call) {
  // The working directory is never a symlink: without a descriptor an empty path names nothing.
  return read_link(call, call.integer(0), 1, call.address(2), call.integer(3));
}

}  // namespace litebox::syscalls
