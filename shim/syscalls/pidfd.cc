// Processes by descriptor: pidfd_open(2), pidfd_getfd(2), pidfd_send_signal(2).
#include <linux/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <string>

#include "shim/kernel/permissions.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// The process or thread behind a copy of a pidfd: EBADF when it is none, ESRCH when it has ended or is an outsider.
Result<HostPid> member_behind(const Call& call, int pidfd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(pidfd));
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("Pid:")) continue;
    const size_t start = line.find_first_not_of(" \t", 4);
    int number = 0;
    if (start != std::string::npos) std::from_chars(line.data() + start, line.data() + line.size(), number);
    if (number <= 0 || !call.world.is_member(HostPid(number))) return Error(ESRCH);
    return HostPid(number);
  }
  return Error(EBADF);
}

}  // namespace

Reply sys_pidfd_open(Call& call) {
  constexpr unsigned kThread = O_EXCL;  // PIDFD_THREAD
  if (call.integer(0) <= 0 || (call.flags(1) & ~(PIDFD_NONBLOCK | kThread)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const HostPid process, named_thread(call, call.integer(0)));
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.value(), call.flags(1))));
  if (!pidfd.valid()) return Reply::error(errno);
  // The number may have gone to another process before it was opened.
  if (!call.world.is_member(process)) return Reply::error(ESRCH);
  return Reply::fd(std::move(pidfd), true);
}

Reply sys_pidfd_getfd(Call& call) {
  if (call.flags(2) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const Fd pidfd, call.file(call.integer(0)));
  LITEBOX_OR_REPLY(const HostPid process, member_behind(call, pidfd.get()));
  LITEBOX_OR_REPLY(const kernel::ProcessStatePtr state, call.world.state_of(process));
  if (process != call.process && !kernel::may_access(call.credentials(), *state)) return Reply::error(EPERM);
  Fd copy(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), call.integer(1), 0)));
  if (!copy.valid()) return Reply::error(errno);
  return Reply::fd(std::move(copy), true);
}

}  // namespace litebox::syscalls
