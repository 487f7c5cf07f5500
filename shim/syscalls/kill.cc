// kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), rt_tgsigqueueinfo(2): members only, init's immunity, virtual permission.
//
// Where Landlock keeps signals inside the domain, a checked call goes on natively, so that the receiver sees the true sender:
// whatever its arguments, it reaches members alone. Else the monitor sends, by pidfd.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "shim/kernel/pidfd.h"
#include "shim/kernel/signals.h"
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::Origin;

bool valid_signal(int signal) { return signal >= 0 && signal < NSIG; }

// kill(2): EPERM unless the virtual credentials match, or SIGCONT goes to the sender's own session.
Status check_permission(const Call& call, HostPid target, int signal) {
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(target));
  if (kernel::may_signal(call.credentials(), *state->credentials)) return {};
  if (signal == SIGCONT && ::getsid(target.value()) == ::getsid(call.process.value())) return {};
  return Error(EPERM);
}

// Whether the signal would be lost on init.
bool immune(const Call& call, HostPid target, int signal) {
  return target == call.world.init() && kernel::ignored_by_init(target, signal, Origin::inside);
}

Status send_to(const Call& call, HostPid target, int signal) {
  LITEBOX_ASSIGN(const Fd pidfd, kernel::open_pidfd(target));
  if (!call.world.is_member(target)) return Error(ESRCH);
  LITEBOX_TRY(check_permission(call, target, signal));
  if (signal == 0 || immune(call, target, signal)) return {};
  return kernel::send_signal_from(pidfd.get(), signal, call.world.to_virtual(call.process), call.credentials().uid);
}

Reply kill_process(Call& call, int argument, int signal) {
  const HostPid target = call.world.to_host(VirtualPid(argument));
  LITEBOX_OR_REPLY(const HostPid process, call.world.thread_group_of(target));
  LITEBOX_CHECK_REPLY(check_permission(call, process, signal));
  if (signal == 0 || immune(call, process, signal)) return Reply::success();
  if (!call.world.mode().signal_scope) return Reply::from(send_to(call, process, signal));
  if (target.value() == argument) return Reply::proceed();
  return Reply::in_guest(SYS_kill, {static_cast<uint64_t>(target.value()), static_cast<uint64_t>(signal), 0, 0, 0, 0});
}

// Each of `targets`, one by one: success if one could be signalled, else EPERM if one was there, else ESRCH.
Reply kill_each(const Call& call, const std::vector<HostPid>& targets, int signal) {
  int worst = ESRCH;
  bool sent = false;
  for (const HostPid target : targets) {
    const Status status = send_to(call, target, signal);
    sent = sent || status.ok();
    if (!status.ok() && status.error().number() == EPERM) worst = EPERM;
  }
  return sent ? Reply::success() : Reply::error(worst);
}

Reply kill_everyone(const Call& call, int signal) {
  std::vector<HostPid> targets = call.world.members();
  std::erase_if(targets, [&call](HostPid member) { return member == call.world.init() || member == call.process; });
  return kill_each(call, targets, signal);
}

Reply kill_group(const Call& call, HostPid group, int signal) {
  std::vector<HostPid> targets = call.world.members();
  std::erase_if(targets, [group](HostPid member) { return ::getpgid(member.value()) != group.value(); });
  // The caller last: it may not live to signal the others.
  std::stable_partition(targets.begin(), targets.end(), [&call](HostPid member) { return member != call.process; });
  return kill_each(call, targets, signal);
}

Reply kill_thread(Call& call, int process_argument, int thread_argument, int signal) {
  if (thread_argument <= 0) return Reply::error(EINVAL);
  const HostPid thread = call.world.to_host(VirtualPid(thread_argument));
  LITEBOX_OR_REPLY(const HostPid process, call.world.thread_group_of(thread));
  if (process_argument > 0 && call.world.to_host(VirtualPid(process_argument)) != process) return Reply::error(ESRCH);
  LITEBOX_CHECK_REPLY(check_permission(call, process, signal));
  if (signal == 0 || immune(call, process, signal)) return Reply::success();
  const bool translated = thread.value() != thread_argument || (process_argument > 0 && process.value() != process_argument);
  if (!call.world.mode().signal_scope) {
    return ::syscall(SYS_tgkill, process.value(), thread.value(), signal) == 0 ? Reply::success() : Reply::error(errno);
  }
  if (!translated) return Reply::proceed();
  return Reply::in_guest(SYS_tgkill, {static_cast<uint64_t>(process.value()), static_cast<uint64_t>(thread.value()),
                                      static_cast<uint64_t>(signal), 0, 0, 0});
}

}  // namespace

Reply sys_kill(Call& call) {
  const int target = call.integer(0);
  const int signal = call.integer(1);
  if (!valid_signal(signal)) return Reply::error(EINVAL);
  if (target > 0) return kill_process(call, target, signal);
  if (target == -1) return kill_everyone(call, signal);
  if (target == 0) return kill_group(call, HostPid(::getpgid(call.process.value())), signal);
  if (target == INT32_MIN) return Reply::error(ESRCH);
  return kill_group(call, call.world.to_host(VirtualPid(-target)), signal);
}

Reply sys_tkill(Call& call) {
  const int signal = call.integer(1);
  if (!valid_signal(signal)) return Reply::error(EINVAL);
  return kill_thread(call, 0, call.integer(0), signal);
}

Reply sys_tgkill(Call& call) {
  const int signal = call.integer(2);
  if (call.integer(0) <= 0 || !valid_signal(signal)) return Reply::error(EINVAL);
  return kill_thread(call, call.integer(0), call.integer(1), signal);
}

// The kernel itself refuses what would impersonate another sender (do_rt_sigqueueinfo), so the information, which it reads
// from guest memory, is harmless.
Reply sys_rt_sigqueueinfo(Call& call) {
  const int argument = call.integer(0);
  const int signal = call.integer(1);
  LITEBOX_OR_REPLY(const siginfo_t info, call.memory.read_value<siginfo_t>(call.address(2)));
  if (!valid_signal(signal)) return Reply::error(EINVAL);
  if (argument <= 0) return Reply::error(ESRCH);
  const HostPid target = call.world.to_host(VirtualPid(argument));
  LITEBOX_OR_REPLY(const HostPid process, call.world.thread_group_of(target));
  if ((info.si_code >= 0 || info.si_code == SI_TKILL) && process != call.process) return Reply::error(EPERM);
  LITEBOX_CHECK_REPLY(check_permission(call, process, signal));
  if (signal == 0 || immune(call, process, signal)) return Reply::success();
  if (!call.world.mode().signal_scope) return Reply::from(send_to(call, process, signal));
  if (target.value() == argument) return Reply::proceed();
  return Reply::in_guest(SYS_rt_sigqueueinfo,
                         {static_cast<uint64_t>(target.value()), static_cast<uint64_t>(signal), call.raw(2), 0, 0, 0});
}

Reply sys_rt_tgsigqueueinfo(Call& call) {
  const int signal = call.integer(2);
  LITEBOX_OR_REPLY(const siginfo_t info, call.memory.read_value<siginfo_t>(call.address(3)));
  if (call.integer(0) <= 0 || call.integer(1) <= 0 || !valid_signal(signal)) return Reply::error(EINVAL);
  const HostPid thread = call.world.to_host(VirtualPid(call.integer(1)));
  LITEBOX_OR_REPLY(const HostPid process, call.world.thread_group_of(thread));
  if (call.world.to_host(VirtualPid(call.integer(0))) != process) return Reply::error(ESRCH);
  if ((info.si_code >= 0 || info.si_code == SI_TKILL) && process != call.process) return Reply::error(EPERM);
  LITEBOX_CHECK_REPLY(check_permission(call, process, signal));
  if (signal == 0 || immune(call, process, signal)) return Reply::success();
  if (!call.world.mode().signal_scope) return Reply::from(send_to(call, process, signal));
  if (thread.value() == call.integer(1) && process.value() == call.integer(0)) return Reply::proceed();
  return Reply::in_guest(SYS_rt_tgsigqueueinfo, {static_cast<uint64_t>(process.value()), static_cast<uint64_t>(thread.value()),
                                                 static_cast<uint64_t>(signal), call.raw(3), 0, 0});
}

}  // namespace litebox::syscalls
