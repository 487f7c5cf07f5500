#include "rootfs/proc/process_nodes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rootfs/tree.h"

namespace litebox::rootfs::proc {

Result<std::string> visible_path(const ContainerView& view, const Subject& subject, const Location& location) {
  const auto root = view.root_directory(subject.thread_group);
  return view.tree().path_of(subject, root ? *root : view.tree().root(), location);
}

struct statx with_numbers_of(struct statx from, const struct stat& host) {
  from.stx_ino = host.st_ino;
  from.stx_dev_major = gnu_dev_major(host.st_dev);
  from.stx_dev_minor = gnu_dev_minor(host.st_dev);
  return from;
}

Result<Fd> ProcessHostFile::open(const Subject& subject, int flags) {
  if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
  LITEBOX_TRY(check_open(subject, flags));
  if ((flags & O_PATH) == 0 && guarded_ && !context().may_inspect(subject)) return Error(EACCES);
  return context().host->open_file(name_, flags & (O_ACCMODE | O_PATH | O_NONBLOCK | O_APPEND));
}

Result<struct statx> ProcessHostFile::status(const Subject& subject) {
  LITEBOX_ASSIGN(const Fd fd, context().host->open_file(name_, O_PATH));
  struct stat host;
  if (::fstat(fd.get(), &host) != 0) return last_error();
  LITEBOX_ASSIGN(const struct statx status, SyntheticNode::status(subject));
  return with_numbers_of(status, host);
}

Status ProcessHostFile::check_access(const Subject& subject, int mask) {
  if ((mask & W_OK) != 0 && (attributes().mode & 0222U) == 0) return Error(EACCES);
  return OfProcess::check_access(subject, mask);
}

Status ProcessHostFile::truncate(const Subject& subject, int64_t /*length*/) { return check_access(subject, W_OK); }

Result<std::string> MagicLink::read_link(const Subject& subject) {
  if (!context().may_inspect(subject)) return Error(EACCES);
  return text(subject);
}

Result<std::optional<Location>> MagicLink::magic_target(const Subject& subject) {
  if (!context().may_inspect(subject)) return Error(EACCES);
  LITEBOX_ASSIGN(Location location, target(subject));
  if (!location.node) return Error(ENOENT);
  return std::optional(std::move(location));
}

Result<Fd> MagicLink::open(const Subject& /*subject*/, int flags) {
  if ((flags & O_PATH) == 0) return Error(ELOOP);
  if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
  return attributes().file_system->registry().open_placeholder(shared_from_this(), flags);
}

}  // namespace litebox::rootfs::proc
