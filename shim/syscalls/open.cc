// open, openat, creat, openat2 (fs/namei.c path_openat, do_open, may_open).
//
// Every path call is the monitor's, so an O_PATH descriptor is only a thing that a guest holds: Landlock does not restrict
// what is named through one, but nothing is named natively.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <memory>

#include "rootfs/devpts.h"
#include "shim/kernel/pending_signals.h"
#include "shim/syscalls/device_access.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/open_how.h"
#include "shim/syscalls/sticky_rules.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// How often a file may vanish or appear between looking and making before the call gives up.
constexpr int kCreationAttempts = 16;

// Flags that say how to find or make the file; the rest belong to the open file description.
constexpr int kFindingFlags = O_CREAT | O_EXCL | O_NOFOLLOW | O_TRUNC;

bool is_device(mode_t type) { return S_ISCHR(type) || S_ISBLK(type); }
bool is_stored(mode_t type) { return S_ISREG(type) || S_ISDIR(type) || S_ISLNK(type); }

// O_NOCTTY: the monitor must never gain a controlling terminal.
int description_flags(const OpenRequest& request) { return (request.flags & ~kFindingFlags) | O_NOCTTY; }

// The file has just been made for this descriptor: its mode bits count for the next open.
rootfs::Subject creator(const Call& call) {
  rootfs::Subject subject = call.subject();
  auto identity = std::make_shared<rootfs::Identity>(*subject.identity);
  identity->capabilities |= 1ULL << CAP_DAC_OVERRIDE;
  subject.identity = std::move(identity);
  return subject;
}

Reply open_node(const rootfs::Subject& subject, const rootfs::NodePtr& node, int flags, bool close_on_exec) {
  LITEBOX_OR_REPLY(Fd fd, node->open(subject, flags));
  return Reply::fd(std::move(fd), close_on_exec);
}

Reply open_waiting(Call& call, const rootfs::NodePtr& node, int flags, bool close_on_exec) {
  const rootfs::Subject subject = call.subject();
  Fd fd;
  Result<int64_t> result = 0;
  call.monitor.while_blocking([&] {
    result = kernel::run_interruptibly(call.thread, [&]() -> int64_t {
      Result<Fd> opened = node->open(subject, flags);
      if (!opened.ok()) return opened.error().number() != 0 ? -opened.error().number() : -EIO;
      fd = std::move(opened).value();
      return 0;
    });
  });
  LITEBOX_CHECK_REPLY(result);
  return Reply::fd(std::move(fd), close_on_exec);
}

// may_open_dev and the device cgroup.
Status check_device(const Call& call, const rootfs::Location& location, const OpenRequest& request) {
  if (location.mount != nullptr && location.mount->flags.no_dev) return Error(EACCES);
  LITEBOX_ASSIGN(const struct statx status, location.node->status(call.subject()));
  const dev_t device = makedev(status.stx_rdev_major, status.stx_rdev_minor);
  const DeviceAccess access = {.read = (request.access & R_OK) != 0, .write = (request.access & W_OK) != 0};
  return check_device_access(call.world.config(), location.node->type(), device, access);
}

// /dev/tty is the caller's terminal, never the monitor's (drivers/tty/tty_io.c, tty_open_current_tty).
Result<bool> is_controlling_terminal(const Call& call, const rootfs::Location& location) {
  LITEBOX_ASSIGN(const struct statx status, location.node->status(call.subject()));
  return S_ISCHR(location.node->type()) && status.stx_rdev_major == TTYAUX_MAJOR && status.stx_rdev_minor == 0;
}

Reply open_controlling_terminal(Call& call, const rootfs::NodePtr& alias, const OpenRequest& request) {
  LITEBOX_CHECK_REPLY(alias->check_access(call.subject(), request.access));
  LITEBOX_OR_REPLY(Fd fd, rootfs::open_controlling_terminal(call.world.tree(), call.subject(), description_flags(request)));
  return Reply::fd(std::move(fd), request.close_on_exec);
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
  if (request.has(O_PATH)) return open_node(subject, node, request.flags & (O_PATH | O_DIRECTORY), request.close_on_exec);
  int flags = description_flags(request);
  const bool truncates = request.has(O_TRUNC) && S_ISREG(type);
  if (truncates) {
    LITEBOX_CHECK_REPLY(want_write(location));
    flags |= O_TRUNC;
  }
  if (S_ISLNK(type)) return Reply::error(ELOOP);
  if (S_ISDIR(type) && (request.access & W_OK) != 0) return Reply::error(EISDIR);
  if (is_device(type)) {
    LITEBOX_CHECK_REPLY(check_device(call, location, request));
    LITEBOX_OR_REPLY(const bool own_terminal, is_controlling_terminal(call, location));
    if (own_terminal) return open_controlling_terminal(call, node, request);
  }
  const bool writes = (request.access & W_OK) != 0;
  if (writes && is_stored(type) && !want_write(location).ok()) {
    // The caller's permission is looked at first.
    LITEBOX_CHECK_REPLY(node->check_access(subject, request.access));
    return Reply::error(EROFS);
  }
  if (request.has(O_NOATIME)) {
    LITEBOX_CHECK_REPLY(node->check_access(subject, request.access));
    LITEBOX_CHECK_REPLY(check_no_atime(call, location));
  }
  if (S_ISSOCK(type)) {
    LITEBOX_CHECK_REPLY(node->check_access(subject, request.access));
    return Reply::error(ENXIO);
  }
  // A FIFO waits for its other end, a device for whatever its driver likes.
  const bool may_wait = (S_ISFIFO(type) || is_device(type)) && !request.has(O_NONBLOCK);
  if (may_wait) return open_waiting(call, node, flags, request.close_on_exec);
  return open_node(subject, node, flags, request.close_on_exec);
}

Reply open_temporary(const Call& call, int dirfd, const std::string& path, const OpenRequest& request) {
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, request.resolve));
  if (!resolved.target.node->is_directory()) return Reply::error(ENOTDIR);
  LITEBOX_CHECK_REPLY(want_write(resolved.target));
  const rootfs::Subject subject = call.subject();
  const int flags = request.flags & ~(O_CREAT | O_NOFOLLOW | O_TRUNC);
  LITEBOX_OR_REPLY(Fd fd, resolved.target.node->open_temporary(subject, flags, request.mode & ~subject.umask));
  return Reply::fd(std::move(fd), request.close_on_exec);
}

// A path that ends in a slash cannot be made a regular file; the way to it must exist all the same.
Result<bool> names_directory(const Call& call, int dirfd, const std::string& path, const rootfs::ResolveOptions& options) {
  if (!path.ends_with('/')) return false;
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return false;
  rootfs::ResolveOptions parent_options = options;
  parent_options.follow_final = false;
  parent_options.want_parent = true;
  LITEBOX_ASSIGN(const rootfs::Resolved resolved, call.resolve(dirfd, path.substr(0, end + 1), parent_options));
  return !resolved.name.empty();
}

Reply open_or_create(Call& call, int dirfd, const std::string& path, const OpenRequest& request) {
  if (path.empty()) return Reply::error(ENOENT);
  LITEBOX_OR_REPLY(const bool directory_named, names_directory(call, dirfd, path, request.resolve));
  if (directory_named) return Reply::error(EISDIR);
  rootfs::ResolveOptions options = request.resolve;
  options.want_parent = true;
  for (int attempt = 0; attempt < kCreationAttempts; ++attempt) {
    LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, options));
    if (resolved.target.node == nullptr) {
      if (resolved.trailing_slash) return Reply::error(EISDIR);
      LITEBOX_CHECK_REPLY(want_write(resolved.parent));
      const rootfs::Subject subject = call.subject();
      Result<rootfs::NodePtr> created = resolved.parent.node->create(subject, resolved.name, request.mode & ~subject.umask);
      if (!created.ok() && created.error().number() == EEXIST) continue;
      LITEBOX_OR_REPLY(const rootfs::NodePtr node, std::move(created));
      return open_node(creator(call), node, description_flags(request), request.close_on_exec);
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
