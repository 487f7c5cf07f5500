// execve(2), execveat(2).
#include <fcntl.h>

#include "shim/kernel/exec.h"
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

Reply execute(Call& call, const rootfs::Location& location, const std::string& name, GuestAddress argv, GuestAddress envp) {
  LITEBOX_OR_REPLY(auto plan, kernel::plan_exec(call.world.tree(), *call.state, call.subject(), location, name));
  return Reply::exec(std::move(plan), argv, envp);
}

}  // namespace

Reply sys_execve(Call& call) {
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(AT_FDCWD, path));
  return execute(call, resolved.target, path, call.address(1), call.address(2));
}

Reply sys_execveat(Call& call) {
  const int dirfd = call.integer(0);
  const unsigned flags = call.flags(4);
  if ((flags & ~static_cast<unsigned>(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(1));
  // fs/exec.c alloc_bprm(): what a script is told, and AT_EXECFN.
  std::string name = path;
  if (dirfd != AT_FDCWD && (path.empty() || path[0] != '/')) {
    name = "/dev/fd/" + std::to_string(dirfd) + (path.empty() ? "" : "/" + path);
  }
  if (path.empty()) {
    if ((flags & AT_EMPTY_PATH) == 0) return Reply::error(ENOENT);
    if (dirfd == AT_FDCWD) return Reply::error(EACCES);
    LITEBOX_OR_REPLY(const Fd file, call.file(dirfd));
    LITEBOX_OR_REPLY(const rootfs::Location location, call.world.tree().locate(file.get()));
    return execute(call, location, name, call.address(2), call.address(3));
  }
  rootfs::ResolveOptions options;
  options.follow_final = (flags & AT_SYMLINK_NOFOLLOW) == 0;
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, options));
  if (resolved.target.node->is_symlink()) return Reply::error(ELOOP);
  return execute(call, resolved.target, name, call.address(2), call.address(3));
}

}  // namespace litebox::syscalls
