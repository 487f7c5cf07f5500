// open, openat, creat, openat2 (fs/namei.c path_openat, do_open, may_open).
//
// Every path call is the monitor's, so what O_PATH gives is only a thing that a guest holds (path_descriptor.h).
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "rootfs/devpts.h"
#include "shim/kernel/pending_signals.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/open_how.h"
#include "shim/syscalls/opened_terminal.h"
#include "shim/syscalls/path_descriptor.h"
#include "shim/syscalls/sticky_rules.h"
#include "shim/syscalls/text_busy.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// How often a file may vanish or appear between looking and making before the call gives up.
constexpr int kCreationAttempts = 16;

// Flags that say how to find or make the file; the rest belong to the open file description.
constexpr int kFindingFlags = O_CREAT | O_EXCL | O_NOFOLLOW | O_TRUNC;

// Of the devices numbered 5: /dev/tty and /dev/ptmx.
constexpr uint32_t kTerminalMajor = 5;
constexpr uint32_t kControllingTerminal = 0;
constexpr uint32_t kPtyMaster = 2;

// O_NOCTTY: the monitor must never gain a controlling terminal.
int description_flags(const OpenRequest& request) { return (request.flags & ~kFindingFlags) | O_NOCTTY; }

Reply opened(const Call& call, Fd fd, const OpenRequest& request) {
  return opened_terminal(call, std::move(fd), request.close_on_exec, request.has(O_NOCTTY));
}

Reply open_location(const Call& call, const rootfs::Location& location, int flags, const OpenRequest& request) {
  LITEBOX_OR_REPLY(Fd fd, rootfs::Tree::open(call.subject(), location, flags));
  if (S_ISCHR(location.node->type())) return opened(call, std::move(fd), request);
  return Reply::fd(std::move(fd), request.close_on_exec);
}

// The same where open(2) may wait.
Reply open_waiting(Call& call, const rootfs::Location& location, int flags, const OpenRequest& request) {
  const rootfs::Subject subject = call.subject();
  Fd fd;
  Result<int64_t> result = 0;
  call.monitor.while_blocking([&] {
    result = kernel::run_interruptibly(call.thread, [&]() -> int64_t {
      Result<Fd> opened = rootfs::Tree::open(subject, location, flags);
      if (!opened.ok()) return opened.error().number() != 0 ? -opened.error().number() : -EIO;
      fd = std::move(opened).value();
      return 0;
    });
  });
  if (!result.ok()) return Reply::error(result.error());
  return opened(call, std::move(fd), request);
}

// Terminals that stand for others (tty(4), pts(4)): a node of the host's would open the monitor's or the host's.
Result<std::optional<Fd>> open_terminal(const Call& call, const rootfs::Location& location, const OpenRequest& request) {
  if (!S_ISCHR(location.node->type()) || location.node->host_fd() < 0) return std::optional<Fd>();
  const rootfs::Subject subject = call.subject();
  LITEBOX_ASSIGN(const struct statx status, location.node->status(subject));
  if (status.stx_rdev_major != kTerminalMajor) return std::optional<Fd>();
  if (status.stx_rdev_minor != kControllingTerminal && status.stx_rdev_minor != kPtyMaster) return std::optional<Fd>();
  if (location.mount->flags.no_dev) return Error(EACCES);
  LITEBOX_TRY(location.node->check_access(subject, request.access));
  const int flags = description_flags(request);
  rootfs::Tree& tree = call.world.tree();
  if (status.stx_rdev_minor == kControllingTerminal) {
    LITEBOX_ASSIGN(Fd terminal, rootfs::open_controlling_terminal(tree, subject, flags));
    return std::optional<Fd>(std::move(terminal));
  }
  const std::shared_ptr<rootfs::Devpts> devpts = rootfs::devpts_of(tree);
  if (devpts == nullptr) return Error(ENODEV);
  LITEBOX_ASSIGN(Fd master, devpts->open_master(subject, flags));
  return std::optional<Fd>(std::move(master));
}

// Only the owner may hide that a file has been read.
Status check_no_atime(const Call& call, const rootfs::Location& location) {
  if (call.state->identity->has(CAP_FOWNER)) return {};
  LITEBOX_ASSIGN(const struct statx status, location.node->status(call.subject()));
  if (status.stx_uid != call.state->identity->uid) return Error(EPERM);
  return {};
}

// Opens a file that is already there.
Reply open_existing(Call& call, const rootfs::Location& location, const OpenRequest& request) {
  const rootfs::Subject subject = call.subject();
  const rootfs::NodePtr& node = location.node;
  const mode_t type = node->type();
  if (request.has(O_DIRECTORY) && !S_ISDIR(type)) return Reply::error(ENOTDIR);
  if (request.has(O_PATH)) {
    LITEBOX_OR_REPLY(Fd named, open_path_descriptor(call.world.tree(), location));
    return Reply::fd(std::move(named), request.close_on_exec);
  }
  if (S_ISLNK(type)) return Reply::error(ELOOP);
  if (S_ISDIR(type) && (request.access & W_OK) != 0) return Reply::error(EISDIR);
  LITEBOX_OR_REPLY(std::optional<Fd> terminal, open_terminal(call, location, request));
  if (terminal.has_value()) return Reply::fd(std::move(*terminal), request.close_on_exec);
  int flags = description_flags(request);
  if (request.has(O_TRUNC) && S_ISREG(type)) flags |= O_TRUNC;
  // Means nothing for a directory, and marks the descriptors that open_path_descriptor makes.
  if (S_ISDIR(type)) flags &= ~O_SYNC;
  // Of what has no size O_TRUNC asks for the permission all the same.
  if (S_ISSOCK(type) || request.has(O_NOATIME) || (request.has(O_TRUNC) && !S_ISREG(type))) {
    LITEBOX_CHECK_REPLY(node->check_access(subject, request.access));
  }
  if (request.has(O_NOATIME)) LITEBOX_CHECK_REPLY(check_no_atime(call, location));
  if (S_ISSOCK(type)) return Reply::error(ENXIO);
  if (S_ISREG(type) && (request.access & W_OK) != 0) {
    LITEBOX_CHECK_REPLY(rootfs::Tree::check_access(subject, location, request.access));
    LITEBOX_CHECK_REPLY(check_not_executed(call, location));
  }
  // A FIFO waits for its other end, a device for whatever its driver likes.
  const bool may_wait = !S_ISREG(type) && !S_ISDIR(type) && !request.has(O_NONBLOCK);
  return may_wait ? open_waiting(call, location, flags, request) : open_location(call, location, flags, request);
}

Reply open_temporary(const Call& call, int dirfd, const std::string& path, const OpenRequest& request) {
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, request.resolve));
  if (!resolved.target.node->is_directory()) return Reply::error(ENOTDIR);
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(resolved.target));
  const rootfs::Subject subject = call.subject();
  const int flags = request.flags & ~(O_CREAT | O_NOFOLLOW | O_TRUNC);
  LITEBOX_OR_REPLY(Fd fd, resolved.target.node->open_temporary(subject, flags, request.mode));
  return Reply::fd(std::move(fd), request.close_on_exec);
}

Reply open_or_create(Call& call, int dirfd, const std::string& path, const OpenRequest& request) {
  if (path.empty()) return Reply::error(ENOENT);
  rootfs::ResolveOptions options = request.resolve;
  options.want_parent = true;
  options.make_file = true;
  for (int attempt = 0; attempt < kCreationAttempts; ++attempt) {
    LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, options));
    if (resolved.target.node == nullptr) {
      LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(resolved.parent));
      Result<Fd> made =
          resolved.parent.node->create_open(call.subject(), resolved.name, description_flags(request), request.mode);
      if (!made.ok() && made.error().number() == EEXIST) continue;
      LITEBOX_OR_REPLY(Fd fd, std::move(made));
      return Reply::fd(std::move(fd), request.close_on_exec);
    }
    if (request.has(O_EXCL)) return Reply::error(EEXIST);
    if (resolved.target.node->is_directory()) return Reply::error(EISDIR);
    LITEBOX_CHECK_REPLY(check_create_in_sticky(call, resolved.parent, resolved.target));
    return open_existing(call, resolved.target, request);
  }
  return Reply::error(EEXIST);
}

Reply open_path(Call& call, int dirfd, int path_index, const OpenHow& how) {
  LITEBOX_OR_REPLY(const OpenRequest request, check_open_how(how));
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  if (request.has(O_TMPFILE)) return open_temporary(call, dirfd, path, request);
  if (request.has(O_CREAT)) return open_or_create(call, dirfd, path, request);
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, request.resolve));
  return open_existing(call, resolved.target, request);
}

}  // namespace

Reply sys_open(Call& call) { return open_path(call, AT_FDCWD, 0, legacy_open_how(call.flags(1), call.flags(2))); }

Reply sys_openat(Call& call) { return open_path(call, call.integer(0), 1, legacy_open_how(call.flags(2), call.flags(3))); }

Reply sys_creat(Call& call) {
  return open_path(call, AT_FDCWD, 0, legacy_open_how(O_CREAT | O_WRONLY | O_TRUNC, call.flags(1)));
}

Reply sys_openat2(Call& call) {
  LITEBOX_OR_REPLY(const OpenHow how, read_open_how(call, call.address(2), call.raw(3)));
  return open_path(call, call.integer(0), 1, how);
}

}  // namespace litebox::syscalls
