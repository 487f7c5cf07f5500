// Processes by descriptor: pidfd_open(2), pidfd_getfd(2), pidfd_send_signal(2).
#include <linux/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <charconv>
#include <csignal>
#include <fstream>
#include <string>

#include "shim/kernel/permissions.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/signal_sending.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr unsigned kThread = O_EXCL;  // PIDFD_THREAD
// Flags of pidfd_send_signal(2), and descriptors that stand for the caller (linux/pidfd.h).
constexpr unsigned kSignalThread = 1;
constexpr unsigned kSignalThreadGroup = 2;
constexpr unsigned kSignalProcessGroup = 4;
constexpr int kSelfThread = -10000;
constexpr int kSelfThreadGroup = -20000;

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

struct Receiver {
  HostPid task;
  unsigned scope;  // kSignal*
};

Result<Receiver> receiver(const Call& call, int descriptor, unsigned flags) {
  if (descriptor == kSelfThread || descriptor == kSelfThreadGroup) {
    const bool thread = descriptor == kSelfThread;
    return Receiver{thread ? call.thread : call.process, flags != 0 ? flags : (thread ? kSignalThread : kSignalThreadGroup)};
  }
  LITEBOX_ASSIGN(const Fd pidfd, call.file(descriptor));
  LITEBOX_ASSIGN(const HostPid task, member_behind(call, pidfd.get()));
  const bool thread = (static_cast<unsigned>(syscall(SYS_fcntl, pidfd.get(), F_GETFL)) & kThread) != 0;
  return Receiver{task, flags != 0 ? flags : (thread ? kSignalThread : kSignalThreadGroup)};
}

}  // namespace

Reply sys_pidfd_open(Call& call) {
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

// Whose the descriptor is has been looked up; from here on it is that number, which guest memory cannot change any more.
Reply sys_pidfd_send_signal(Call& call) {
  const unsigned flags = call.flags(3);
  if (flags > kSignalProcessGroup || std::popcount(flags) > 1) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const Receiver to, receiver(call, call.integer(0), flags));
  OutgoingSignal signal{call.integer(1), {}, call.address(2)};
  if (!signal.address.null()) {
    LITEBOX_OR_REPLY(signal.information, call.memory.read_value<siginfo_t>(signal.address));
    if (signal.information->si_signo != signal.number) return Reply::error(EINVAL);
    const bool to_itself = to.task == call.thread && to.scope != kSignalProcessGroup;
    if (!to_itself && impersonates(*signal.information)) return Reply::error(EPERM);
  }
  if (to.scope == kSignalProcessGroup) return send_to_group(call, to.task, signal);
  LITEBOX_OR_REPLY(const HostPid process, call.world.thread_group_of(to.task));
  if (to.scope == kSignalThread) return send_to_thread(call, process, to.task, signal);
  return send_to_process(call, process, signal);
}

}  // namespace litebox::syscalls
