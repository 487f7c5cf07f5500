// ioctl(2): the requests that name processes, groups and sessions, or open a terminal. Which requests come here, and which
// never pass, is the table's decision.
#include <asm/sockios.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "shim/kernel/controlling_terminal.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/file_owner.h"
#include "shim/syscalls/interfaces.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr int kAliasOfInit = 1;

bool is_socket(int file) {
  struct stat status = {};
  return fstat(file, &status) == 0 && S_ISSOCK(status.st_mode);
}

// What the caller may know about the terminal behind `file`, if that is its controlling terminal; ENOTTY.
Result<kernel::JobControl> controlled_by(const Call& call, int file) {
  struct stat status = {};
  if (fstat(file, &status) != 0) return last_error();
  LITEBOX_ASSIGN(const kernel::JobControl job, kernel::job_control_of(call.process));
  const bool is_dev_tty = status.st_rdev == makedev(5, 0);
  if (!S_ISCHR(status.st_mode) || job.terminal == 0 || (status.st_rdev != job.terminal && !is_dev_tty)) return Error(ENOTTY);
  return job;
}

Status write_group(const Call& call, HostPid group) {
  return call.memory.write_value(call.address(2), group_inside(call.world, group));
}

// tiocgpgrp(), tiocgsid(): the master's side answers anyone; the slave's only processes of its session, which the monitor
// is not.
Reply get_group(const Call& call, int file) {
  pid_t group = 0;
  if (ioctl(file, TIOCGPGRP, &group) == 0) return Reply::from(write_group(call, HostPid(group)));
  LITEBOX_OR_REPLY(const kernel::JobControl job, controlled_by(call, file));
  return Reply::from(write_group(call, job.foreground));
}

Reply get_session(const Call& call, int file) {
  pid_t session = 0;
  if (ioctl(file, TIOCGSID, &session) == 0) return Reply::from(write_group(call, HostPid(session)));
  LITEBOX_OR_REPLY(const kernel::JobControl job, controlled_by(call, file));
  return Reply::from(call.memory.write_value(call.address(2), job.session == call.world.init() ? 1 : job.session.value()));
}

// The kernel's job control must see the caller itself. It takes only groups of the caller's own session, so it may read the
// number from guest memory again; init's alias is replaced there (libc passes a variable of its own).
Reply set_group(const Call& call) {
  LITEBOX_OR_REPLY(const int group, call.memory.read_value<int>(call.address(2)));
  if (group < 0) return Reply::error(EINVAL);
  if (group == kAliasOfInit) {
    LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), call.world.init().value()));
  } else if (members_of_group(call.world, HostPid(group)).empty()) {
    return Reply::error(ESRCH);
  }
  return Reply::proceed();
}

Reply open_peer(const Call& call, int file) {
  const int flags = call.integer(2);
  // The terminal must not become the monitor's: it would end with the terminal's hang-up.
  Fd peer(ioctl(file, TIOCGPTPEER, flags | O_NOCTTY));
  if (!peer.valid()) return Reply::error(errno);
  return Reply::fd(std::move(peer), (flags & O_CLOEXEC) != 0);
}

Reply set_owner(const Call& call, int file) {
  if (!is_socket(file)) return Reply::error(ENOTTY);
  LITEBOX_OR_REPLY(const int owner, call.memory.read_value<int>(call.address(2)));
  return Reply::from(set_file_owner(call, file, owner));
}

Reply get_owner(const Call& call, int file) {
  if (!is_socket(file)) return Reply::error(ENOTTY);
  LITEBOX_OR_REPLY(const int owner, file_owner(call, file));
  return Reply::from(call.memory.write_value(call.address(2), owner));
}

}  // namespace

Reply sys_ioctl(Call& call) {
  LITEBOX_OR_REPLY(const Fd file, call.file(call.integer(0)));
  if ((fcntl(file.get(), F_GETFL) & O_PATH) != 0) return Reply::error(EBADF);
  const unsigned request = call.flags(1);
  switch (request) {
    case TIOCGPGRP:
      return get_group(call, file.get());
    case TIOCSPGRP:
      return set_group(call);
    case TIOCGSID:
      return get_session(call, file.get());
    case TIOCGPTPEER:
      return open_peer(call, file.get());
    case FIOSETOWN:
    case SIOCSPGRP:
      return set_owner(call, file.get());
    case FIOGETOWN:
    case SIOCGPGRP:
      return get_owner(call, file.get());
    default:
      return is_socket(file.get()) ? absent_interface_request(call, request) : Reply::error(ENOTTY);
  }
}

}  // namespace litebox::syscalls
