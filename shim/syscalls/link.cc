// link, linkat, symlink, symlinkat (fs/namei.c do_linkat, do_symlinkat).
#include <fcntl.h>
#include <linux/capability.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

Reply make_link(const Call& call, int old_dirfd, int old_index, int new_dirfd, int new_index, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string old_path, call.path(old_index));
  LITEBOX_OR_REPLY(const std::string new_path, call.path(new_index));
  unsigned at_flags = (flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW;
  if ((flags & AT_EMPTY_PATH) != 0) {
    // Naming a file by a descriptor passes by the permissions of the directories above it. Linux lets whoever opened it do so,
    // too (path_init(), 6.10), which cannot be seen from here.
    if (old_path.empty() && old_dirfd != AT_FDCWD && !call.credentials().has(CAP_DAC_READ_SEARCH)) {
      LITEBOX_OR_REPLY(const Fd named, call.file(old_dirfd));
      return Reply::error(ENOENT);
    }
    at_flags |= AT_EMPTY_PATH;
  }
  LITEBOX_OR_REPLY(const rootfs::Location source, locate_at(call, old_dirfd, old_path, at_flags));
  LITEBOX_OR_REPLY(const Entry entry, lookup_new_entry(call, new_dirfd, new_path, false));
  if (source.mount != entry.parent.mount) return Reply::error(EXDEV);
  return Reply::from(entry.parent.node->link(call.subject(), entry.name, source.node));
}

Reply make_symlink(const Call& call, int target_index, int dirfd, int path_index) {
  LITEBOX_OR_REPLY(const std::string target, call.path(target_index));
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  if (target.empty()) return Reply::error(ENOENT);
  LITEBOX_OR_REPLY(const Entry entry, lookup_new_entry(call, dirfd, path, false));
  return Reply::from(entry.parent.node->make_symlink(call.subject(), entry.name, target));
}

}  // namespace

Reply sys_link(Call& call) { return make_link(call, AT_FDCWD, 0, AT_FDCWD, 1, 0); }

Reply sys_linkat(Call& call) { return make_link(call, call.integer(0), 1, call.integer(2), 3, call.flags(4)); }

Reply sys_symlink(Call& call) { return make_symlink(call, 0, AT_FDCWD, 1); }

Reply sys_symlinkat(Call& call) { return make_symlink(call, 0, call.integer(1), 2); }

}  // namespace litebox::syscalls
