// chmod, fchmod, fchmodat, fchmodat2, umask (fs/open.c chmod_common).
#include <fcntl.h>
#include <sys/stat.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr mode_t kModeBits = 07777;

Reply change_mode(const Call& call, const rootfs::Location& location, unsigned mode) {
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(location));
  return Reply::from(location.node->change_mode(call.subject(), mode & kModeBits));
}

Reply change_mode_at(const Call& call, int dirfd, int path_index, unsigned mode, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, dirfd, path, flags));
  return change_mode(call, location, mode);
}

}  // namespace

Reply sys_chmod(Call& call) { return change_mode_at(call, AT_FDCWD, 0, call.flags(1), 0); }

Reply sys_fchmod(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_descriptor(call, call.integer(0), PathDescriptors::refused));
  return change_mode(call, location, call.flags(1));
}

Reply sys_fchmodat(Call& call) { return change_mode_at(call, call.integer(0), 1, call.flags(2), 0); }

Reply sys_fchmodat2(Call& call) { return change_mode_at(call, call.integer(0), 1, call.flags(2), call.flags(3)); }

Reply sys_umask(Call& call) {
  const mode_t wanted = call.flags(0) & (S_IRWXU | S_IRWXG | S_IRWXO);
  mode_t previous = 0;
  LITEBOX_CHECK_REPLY(call.world.update(call.process, [&](kernel::ProcessState& state) -> Status {
    previous = state.umask;
    state.umask = wanted;
    return {};
  }));
  // The kernel makes files for the guest, too.
  return call.world.mode().confined_tree ? Reply::proceed() : Reply::value(static_cast<int64_t>(previous));
}

}  // namespace litebox::syscalls
