// truncate (fs/open.c do_sys_truncate, vfs_truncate).
#include <fcntl.h>
#include <unistd.h>

#include "shim/syscalls/lookup.h"
#include "shim/syscalls/text_busy.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

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
  return Reply::from(location.node->truncate(call.subject(), length));
}

}  // namespace litebox::syscalls
