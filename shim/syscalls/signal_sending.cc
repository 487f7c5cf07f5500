#include "shim/syscalls/signal_sending.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "shim/kernel/pending_signals.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/signals.h"
#include "shim/syscalls/targets.h"

namespace litebox::syscalls {
namespace {

using kernel::Origin;
using Arguments = std::array<uint64_t, 6>;

bool valid_signal(int signal) { return signal >= 0 && signal < NSIG; }

uint64_t word(HostPid id) { return static_cast<uint64_t>(id.value()); }
uint64_t word(int value) { return static_cast<uint64_t>(value); }

// Whether the signal would be lost on init.
bool immune(const Call& call, HostPid target, int signal) {
  return target == call.world.init() && kernel::ignored_by_init(target, signal, Origin::inside);
}

// Whether the guest itself can send a signal there. Landlock keeps it from the processes of other containers, those that share
// their processes with this one included.
bool guest_reaches(const Call& call, HostPid target) { return call.world.mode().signal_scope && call.world.is_own(target); }

bool guest_reaches(const Call& call, const std::vector<HostPid>& targets) {
  return std::all_of(targets.begin(), targets.end(), [&call](HostPid target) { return guest_reaches(call, target); });
}

// If the call has these numbers already it needs no nudge. An address, where there is one, is the call's own in any case.
Reply in_caller(const Call& call, int64_t number, const Arguments& arguments) {
  const bool same = call.number == number && std::equal(arguments.begin(), arguments.begin() + 4, call.arguments.begin(),
                                                        [](uint64_t a, uint64_t b) { return uint32_t(a) == uint32_t(b); });
  return same ? Reply::proceed() : Reply::in_guest(number, arguments);
}

// Init knows itself as 1, and could send with the kernel's ids by a nudge only. So the monitor sends, and the guard over init's
// signals says whose it was (shim/monitor/tracer_guard.cc): where it looks, which is not at signals that are blocked.
bool is_sent_for_init(const Call& call, HostPid process, HostPid thread, const OutgoingSignal& signal) {
  if (signal.information || process != call.process || process != call.world.init() || !call.world.is_own(process))
    return false;
  if (call.world.traces().tracer_of(thread)) return false;
  const auto state = kernel::signal_state_of(thread);
  return state.ok() && (state->blocked & (1ULL << static_cast<unsigned>(signal.number - 1))) == 0;
}

Status send_by_monitor(const Call& call, HostPid target, const OutgoingSignal& signal) {
  LITEBOX_ASSIGN(const Fd pidfd, kernel::open_thread_pidfd(target));
  if (!call.world.is_member(target)) return Error(ESRCH);
  if (signal.information && !impersonates(*signal.information)) {
    return kernel::send_signal_with(pidfd.get(), signal.number, *signal.information);
  }
  return kernel::send_signal_from(pidfd.get(), signal.number, call.world.to_virtual(call.process), call.credentials().uid);
}

// What becomes of a signal that is to reach several processes.
struct Receivers {
  std::vector<HostPid> reached;  // the caller last: it may not live to signal the others
  bool everyone = true;          // no target was left out
  int error = ESRCH;             // 0 once one may be signalled
};

Receivers receivers_among(const Call& call, const std::vector<HostPid>& targets, int signal) {
  kernel::expect_signals();
  Receivers receivers;
  for (const HostPid target : targets) {
    const Status status = check_may_send(call, target, signal);
    if (!status.ok()) {
      if (receivers.error != 0 && status.error().number() != ESRCH) receivers.error = status.error().number();
      receivers.everyone = false;
      continue;
    }
    receivers.error = 0;
    if (signal == 0 || immune(call, target, signal)) {
      receivers.everyone = false;
    } else {
      receivers.reached.push_back(target);
    }
  }
  std::stable_partition(receivers.reached.begin(), receivers.reached.end(),
                        [&call](HostPid member) { return member != call.process; });
  return receivers;
}

Reply send_to_each(const Call& call, const Receivers& receivers, const OutgoingSignal& signal) {
  if (receivers.reached.empty()) return receivers.error == 0 ? Reply::success() : Reply::error(receivers.error);
  if (!guest_reaches(call, receivers.reached)) {
    for (const HostPid target : receivers.reached) (void)send_by_monitor(call, target, signal);
    return Reply::success();
  }
  std::vector<Arguments> calls;
  for (const HostPid target : receivers.reached) {
    calls.push_back({word(target), word(signal.number), signal.address.value(), 0, 0, 0});
  }
  return Reply::in_guest(signal.information ? SYS_rt_sigqueueinfo : SYS_kill, std::move(calls));
}

}  // namespace

bool impersonates(const siginfo_t& information) { return information.si_code >= 0 || information.si_code == SI_TKILL; }

Status check_may_send(const Call& call, HostPid process, int signal) {
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(process));
  if (!valid_signal(signal)) return Error(EINVAL);
  if (process == call.process || kernel::may_signal(call.credentials(), *state->credentials)) return {};
  if (signal == SIGCONT && ::getsid(process.value()) == ::getsid(call.process.value())) return {};
  return Error(EPERM);
}

Reply send_to_process(const Call& call, HostPid process, const OutgoingSignal& signal) {
  LITEBOX_CHECK_REPLY(check_may_send(call, process, signal.number));
  if (signal.number == 0 || immune(call, process, signal.number)) return Reply::success();
  kernel::expect_signals();
  if (!guest_reaches(call, process)) return Reply::from(send_by_monitor(call, process, signal));
  const Arguments arguments{
      word(process), word(signal.number), signal.information ? signal.address.value() : call.raw(2), call.raw(3), 0, 0};
  return in_caller(call, signal.information ? SYS_rt_sigqueueinfo : SYS_kill, arguments);
}

Reply send_to_thread(const Call& call, HostPid process, HostPid thread, const OutgoingSignal& signal) {
  LITEBOX_CHECK_REPLY(check_may_send(call, process, signal.number));
  if (signal.number == 0 || immune(call, process, signal.number)) return Reply::success();
  kernel::expect_signals();
  if (!guest_reaches(call, process) || is_sent_for_init(call, process, thread, signal)) {
    if (signal.information) return Reply::from(send_by_monitor(call, thread, signal));
    const long sent = ::syscall(SYS_tgkill, process.value(), thread.value(), signal.number);
    return sent == 0 ? Reply::success() : Reply::error(errno);
  }
  const Arguments arguments{
      word(process), word(thread), word(signal.number), signal.information ? signal.address.value() : call.raw(3), 0, 0};
  return in_caller(call, signal.information ? SYS_rt_tgsigqueueinfo : SYS_tgkill, arguments);
}

Reply send_to_group(const Call& call, HostPid group, const OutgoingSignal& signal) {
  const Receivers receivers = receivers_among(call, members_of_group(call.world, group), signal.number);
  if (receivers.everyone && !receivers.reached.empty() && !signal.information && guest_reaches(call, receivers.reached)) {
    if (call.number == SYS_kill && call.integer(0) == 0) return Reply::proceed();
    return in_caller(call, SYS_kill, {word(-group.value()), word(signal.number), call.raw(2), call.raw(3), 0, 0});
  }
  return send_to_each(call, receivers, signal);
}

// kill_something_info(): that some may not be signalled is no error here.
Reply send_to_all(const Call& call, int signal) {
  std::vector<HostPid> targets = call.world.members();
  std::erase_if(targets, [&call](HostPid member) { return member == call.world.init() || member == call.process; });
  Receivers receivers = receivers_among(call, targets, signal);
  if (receivers.error == EPERM) receivers.error = 0;
  return send_to_each(call, receivers, {signal, {}, {}});
}

}  // namespace litebox::syscalls
