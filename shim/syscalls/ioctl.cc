// ioctl(2): the requests that name processes, groups and sessions, or open a terminal. Which requests come here, and which
// never pass, is the table's decision.
#include <asm/sockios.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "shim/kernel/controlling_terminal.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/file_owner.h"
#include "shim/syscalls/interfaces.h"
#include "shim/syscalls/opened_terminal.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr int kAliasOfInit = 1;

bool is_socket(int file) {
  struct stat status = {};
  return fstat(file, &status) == 0 && S_ISSOCK(status.st_mode);
}

// Whether the descriptor is a terminal's: ENOTTY, or EIO after its hang-up. Any terminal answers TIOCGETD.
Result<int> line_discipline_of(int file) {
  int discipline = 0;
  if (ioctl(file, TIOCGETD, &discipline) != 0) return last_error();
  return discipline;
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

// A group whose last process has ended keeps its number; one of outside has none here.
int shown_group(const Call& call, HostPid group) {
  const int inside = group_inside(call.world, group);
  if (inside != 0 || group.value() == 0) return inside;
  return kill(-group.value(), 0) != 0 && errno == ESRCH ? group.value() : 0;
}

Status write_group(const Call& call, HostPid group) {
  return call.memory.write_value(call.address(2), shown_group(call, group));
}

// tiocgpgrp(), tiocgsid(): the master's side answers anyone; the slave's only processes of its session, which the monitor
// is not.
Reply get_group(const Call& call, int file) {
  pid_t group = 0;
  if (ioctl(file, TIOCGPGRP, &group) == 0) return Reply::from(write_group(call, HostPid(group)));
  if (errno != ENOTTY) return Reply::error(errno);
  LITEBOX_OR_REPLY(const kernel::JobControl job, controlled_by(call, file));
  return Reply::from(write_group(call, job.foreground));
}

Reply get_session(const Call& call, int file) {
  pid_t session = 0;
  if (ioctl(file, TIOCGSID, &session) == 0) return Reply::from(write_group(call, HostPid(session)));
  if (errno != ENOTTY) return Reply::error(errno);
  LITEBOX_OR_REPLY(const kernel::JobControl job, controlled_by(call, file));
  return Reply::from(call.memory.write_value(call.address(2), job.session == call.world.init() ? 1 : job.session.value()));
}

// The kernel's job control must see the caller itself, with whatever is wrong. It takes only groups of the caller's own
// session, so it may read the number from guest memory again; init's alias is replaced there (libc passes a variable of its
// own). What names nobody inside must name nobody, though the host may have such a process.
Reply set_group(const Call& call) {
  const Result<int> group = call.memory.read_value<int>(call.address(2));
  if (!group.ok() || *group <= 0) return Reply::proceed();
  if (*group == kAliasOfInit) {
    LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), call.world.init().value()));
    return Reply::proceed();
  }
  const bool inside = !members_of_group(call.world, HostPid(*group)).empty() || call.world.is_member(HostPid(*group));
  return inside ? Reply::proceed() : Reply::error(ESRCH);
}

Reply open_peer(const Call& call, int file) {
  const int flags = call.integer(2);
  // The terminal must not become the monitor's: it would end with the terminal's hang-up.
  Fd peer(ioctl(file, TIOCGPTPEER, flags | O_NOCTTY));
  if (!peer.valid()) return Reply::error(errno);
  return opened_terminal(call, std::move(peer), (flags & O_CLOEXEC) != 0, (flags & O_NOCTTY) != 0);
}

// TIOCSETD would load the host's modules: only the discipline that a terminal has already may be asked for.
Reply set_line_discipline(const Call& call, int file) {
  LITEBOX_OR_REPLY(const int current, line_discipline_of(file));
  LITEBOX_OR_REPLY(const int wanted, call.memory.read_value<int>(call.address(2)));
  return wanted == current ? Reply::success() : Reply::error(EPERM);
}

bool is_master(int file) {
  unsigned number = 0;
  return ioctl(file, TIOCGPTN, &number) == 0;
}

// A request that every terminal refuses, with `number`.
Reply refuse_on_terminal(int file, int number) {
  LITEBOX_CHECK_REPLY(line_discipline_of(file));
  return Reply::error(number);
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
    case TIOCSETD:
      return set_line_discipline(call, file.get());
    case TIOCSTI:
      return refuse_on_terminal(file.get(), EIO);  // as with dev.tty.legacy_tiocsti=0
    case TIOCCONS:
      return refuse_on_terminal(file.get(), is_master(file.get()) ? EINVAL : EPERM);
    case TIOCVHANGUP:
    case TIOCSLCKTRMIOS:
      return refuse_on_terminal(file.get(), EPERM);
    case TIOCLINUX:
      return refuse_on_terminal(file.get(), ENOTTY);
    case FIOSETOWN:
    case SIOCSPGRP:
      return set_owner(call, file.get());
    case FIOGETOWN:
    case SIOCGPGRP:
      return get_owner(call, file.get());
    default:
      return is_socket(file.get()) ? loopback_interface_request(call, request) : Reply::error(ENOTTY);
  }
}

}  // namespace litebox::syscalls
