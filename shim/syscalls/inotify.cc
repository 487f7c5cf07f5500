// inotify_add_watch (fs/notify/inotify/inotify_user.c). The rest of inotify only uses descriptors and is native.
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <string>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr uint32_t kMaskCreate = 1U << 28U;  // IN_MASK_CREATE
constexpr uint32_t kOptions = IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | kMaskCreate | IN_ONESHOT;
constexpr uint32_t kKnown = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ISDIR | kOptions;

// Whether the descriptor is an inotify instance: removing a watch that cannot exist says EINVAL for both, so the link's text
// must tell.
bool is_inotify(int fd) {
  std::string target(32, '\0');
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
  return length > 0 && target.substr(0, static_cast<size_t>(length)) == "anon_inode:inotify";
}

}  // namespace

Reply sys_inotify_add_watch(Call& call) {
  const uint32_t mask = call.flags(2);
  if ((mask & ~kKnown) != 0 || (mask & kKnown) == 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const Fd instance, call.file(call.integer(0)));
  if ((mask & IN_MASK_ADD) != 0 && (mask & kMaskCreate) != 0) return Reply::error(EINVAL);
  if (!is_inotify(instance.get())) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(1));
  LITEBOX_OR_REPLY(const rootfs::Location location,
                   locate_at(call, AT_FDCWD, path, (mask & IN_DONT_FOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0));
  if ((mask & IN_ONLYDIR) != 0 && !location.node->is_directory()) return Reply::error(ENOTDIR);
  const rootfs::Subject subject = call.subject();
  LITEBOX_CHECK_REPLY(location.node->check_access(subject, R_OK));

  // A synthetic file is watched through what stands for it in the guest's hands.
  Fd stand_in;
  int watched = location.node->host_fd();
  if (watched < 0) {
    LITEBOX_OR_REPLY(stand_in, location.node->open(subject, O_RDONLY | O_NONBLOCK));
    watched = stand_in.get();
  }
  // The magic link leads to the file itself, be it a symlink, so it must be followed.
  const std::string link = "/proc/self/fd/" + std::to_string(watched);
  const int watch = ::inotify_add_watch(instance.get(), link.c_str(), mask & ~static_cast<uint32_t>(IN_DONT_FOLLOW));
  if (watch < 0) return Reply::error(last_error());
  return Reply::value(watch);
}

}  // namespace litebox::syscalls
