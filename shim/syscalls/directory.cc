// mkdir, mkdirat, rmdir (fs/namei.c do_mkdirat, do_rmdir).
#include <fcntl.h>
#include <unistd.h>

#include "shim/syscalls/lookup.h"
#include "shim/syscalls/remove.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr mode_t kDirectoryModeBits = S_IRWXU | S_IRWXG | S_IRWXO | S_ISVTX;

Reply make_directory(const Call& call, int dirfd, int path_index, unsigned mode) {
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const Entry entry, lookup_new_entry(call, dirfd, path, true));
  const rootfs::Subject subject = call.subject();
  return Reply::from(entry.parent.node->make_directory(subject, entry.name, mode & kDirectoryModeBits));
}

}  // namespace

Reply sys_mkdir(Call& call) { return make_directory(call, AT_FDCWD, 0, call.flags(1)); }

Reply sys_mkdirat(Call& call) { return make_directory(call, call.integer(0), 1, call.flags(2)); }

Reply sys_rmdir(Call& call) {
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  return remove_directory(call, AT_FDCWD, path);
}

}  // namespace litebox::syscalls
