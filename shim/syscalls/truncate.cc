// truncate (fs/open.c do_sys_truncate, vfs_truncate).
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "shim/syscalls/lookup.h"
#include "shim/syscalls/text_busy.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// inode_newsize_ok(): a file may not grow beyond the caller's RLIMIT_FSIZE, which the monitor itself does not have.
Status check_size_limit(const Call& call, const rootfs::Location& location, int64_t length) {
  rlimit limit = {};
  if (::prlimit(call.process.value(), RLIMIT_FSIZE, nullptr, &limit) != 0) return last_error();
  if (limit.rlim_cur == RLIM_INFINITY || static_cast<uint64_t>(length) <= limit.rlim_cur) return {};
  LITEBOX_ASSIGN(const struct statx status, location.node->status(call.subject()));
  if (static_cast<uint64_t>(length) <= status.stx_size) return {};
  (void)::syscall(SYS_tgkill, call.process.value(), call.thread.value(), SIGXFSZ);
  return Error(EFBIG);
}

}  // namespace

Reply sys_truncate(Call& call) {
  const auto length = static_cast<int64_t>(call.raw(1));
  if (length < 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, AT_FDCWD, path, 0));
  const mode_t type = location.node->type();
  if (S_ISDIR(type)) return Reply::error(EISDIR);
  if (!S_ISREG(type)) return Reply::error(EINVAL);
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(location));
  LITEBOX_CHECK_REPLY(location.node->check_access(call.subject(), W_OK));
  LITEBOX_CHECK_REPLY(check_not_executed(call, location));
  LITEBOX_CHECK_REPLY(check_size_limit(call, location, length));
  return Reply::from(location.node->truncate(call.subject(), length));
}

}  // namespace litebox::syscalls
