#include "shim/syscalls/call.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace litebox::syscalls {

Result<Fd> Call::file(int guest_fd) const {
  if (guest_fd < 0) return Error(EBADF);
  Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, guest_fd, 0U)));
  if (!copy) return last_error();
  return copy;
}

Result<rootfs::Location> Call::start(int guest_dirfd) const {
  if (guest_dirfd == AT_FDCWD) return state->cwd;
  LITEBOX_ASSIGN(const Fd copy, file(guest_dirfd));
  LITEBOX_ASSIGN(rootfs::Location location, world.tree().locate(copy.get()));
  if (!location.node->is_directory()) return Error(ENOTDIR);
  return location;
}

Result<rootfs::Resolved> Call::resolve_as(const rootfs::Subject& subject, int guest_dirfd, const std::string& path,
                                          const rootfs::ResolveOptions& options) const {
  if (path.empty()) return Error(ENOENT);
  if (path.front() == '/' && options.beneath) return Error(EXDEV);
  // An absolute path does not look at the descriptor at all, unless the descriptor is the walk's root.
  rootfs::Location from = state->root;
  if (path.front() != '/' || options.in_root || options.beneath) {
    LITEBOX_ASSIGN(from, start(guest_dirfd));
  }
  return world.tree().resolve(subject, state->root, from, path, options);
}

}  // namespace litebox::syscalls
