#include "shim/syscalls/opened_terminal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "shim/kernel/controlling_terminal.h"

namespace litebox::syscalls {
namespace {

bool is_slave(int terminal) {
  struct stat status = {};
  return fstat(terminal, &status) == 0 && S_ISCHR(status.st_mode) && gnu_dev_major(status.st_rdev) == UNIX98_PTY_SLAVE_MAJOR;
}

// The kernel has asked the monitor's capabilities, not the caller's (tty_reopen()).
bool is_anothers(const Call& call, int terminal) {
  int exclusive = 0;
  return ioctl(terminal, TIOCGEXCL, &exclusive) == 0 && exclusive != 0 && !call.credentials().has(CAP_SYS_ADMIN);
}

// tty_open_proc_set_tty(). Whether it is another session's the kernel finds out, in the caller's context (TIOCSCTTY).
bool may_control(const Call& call, int terminal) {
  const int access = fcntl(terminal, F_GETFL) & O_ACCMODE;
  if (access != O_RDONLY && access != O_RDWR) return false;
  const auto job = kernel::job_control_of(call.process);
  return job.ok() && job->terminal == 0 && job->session == call.process;
}

}  // namespace

Reply opened_terminal(const Call& call, Fd terminal, bool close_on_exec, bool no_control) {
  if (!is_slave(terminal.get())) return Reply::fd(std::move(terminal), close_on_exec);
  if (is_anothers(call, terminal.get())) return Reply::error(EBUSY);
  if (no_control || !may_control(call, terminal.get())) return Reply::fd(std::move(terminal), close_on_exec);
  return Reply::controlling_terminal(std::move(terminal), close_on_exec);
}

}  // namespace litebox::syscalls
