// The guard over init's signals.
//
// Linux spares the first process of a pid namespace what would end or stop it by default (SIGNAL_UNKILLABLE, kernel/signal.c
// get_signal()), and tells it of itself as process 1. Signals that guests send pass through the monitor, which knows that;
// those of the kernel (a terminal's, SIGPIPE, timers) and those that were blocked when they came do not. So the tracing thread
// seizes every thread of init that no guest traces, and looks at each signal before it is delivered.
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "shim/kernel/pending_signals.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/conditions.h"
#include "shim/monitor/repeated_call.h"
#include "shim/monitor/tracer.h"
#include "shim/table/table.h"

namespace litebox::monitor {
namespace {

using kernel::StopKind;

constexpr uint64_t kOptions = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

uint64_t bit(int signal) { return 1ULL << static_cast<unsigned>(signal - 1); }

// The default action is to do nothing, or to go on.
bool is_harmless(int signal) { return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT; }

// Of the processor: such a signal ends even the first process (force_sig_info_to_task()).
bool is_fault(const siginfo_t& info) {
  switch (info.si_signo) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
      return info.si_code > 0;
    default:
      return false;
  }
}

bool is_from_process(const siginfo_t& info) {
  return info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE;
}

// Calls that are the monitor's whatever their arguments, without those in which it may let the kernel wait: there a signal ends
// the wait as on any Linux. And TIOCSPGRP, unless by the signal that the kernel itself raises for it (tty_check_change()).
bool is_answered_by_monitor(const user_regs_struct& registers, int signal, const table::Conditions& conditions) {
  constexpr std::array kMayWait = {SYS_wait4, SYS_waitid, SYS_futex, SYS_sendmsg, SYS_sendmmsg};
  // In a kernel-confined tree it is their arguments that say whose they are.
  constexpr int kGetxattrat = 464;  // since Linux 6.13: not in Debian 12's headers
  constexpr std::array kPerhapsNative = {SYS_open,       SYS_openat,   SYS_newfstatat, SYS_statx, SYS_access, SYS_faccessat,
                                         SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_chdir, kGetxattrat};
  const auto number = static_cast<int64_t>(registers.orig_rax);
  if (number == SYS_ioctl) return registers.rsi == TIOCSPGRP && signal != SIGTTOU;
  const table::Entry* entry = table::find(number);
  if (std::find(kPerhapsNative.begin(), kPerhapsNative.end(), number) != kPerhapsNative.end()) {
    const std::array<uint64_t, 6> arguments = {registers.rdi, registers.rsi, registers.rdx,
                                               registers.r10, registers.r8,  registers.r9};
    return entry->decide(conditions, arguments).route == table::Route::monitor;
  }
  return entry != nullptr && entry->decision.route == table::Route::monitor &&
         std::find(kMayWait.begin(), kMayWait.end(), number) == kMayWait.end();
}

}  // namespace

std::future<Status> Tracer::guard_signals_of_init() {
  Guard job;
  std::future<Status> done = job.done.get_future();
  post(std::move(job));
  return done;
}

Status Tracer::guard_init() {
  guarding_ = world_.is_own(world_.init());  // a joined container's monitor guards its own
  return guarding_ ? guard(world_.init()) : Status();
}

Status Tracer::guard(HostPid thread) {
  if (find(thread) != nullptr) return {};
  if (::ptrace(PTRACE_SEIZE, thread.value(), 0, kOptions) != 0) return last_error("guarding the signals of init");
  add_guarded(thread);
  return {};
}

void Tracer::add_guarded(HostPid thread) {
  Tracee tracee;
  tracee.thread = thread;
  tracee.process = world_.init();
  tracee.guarded = true;
  tracee.monitor_child = thread == tracee.process;
  if (auto pidfd = kernel::open_pidfd(thread); tracee.monitor_child && pidfd.ok()) tracee.pidfd = std::move(*pidfd);
  tracees_.emplace(thread, std::move(tracee));
}

// A guest is about to trace the thread.
void Tracer::lift_guard(Tracee& tracee) {
  tracee.abandoned = true;
  (void)::ptrace(PTRACE_INTERRUPT, tracee.thread.value(), 0, 0);
}

void Tracer::on_guarded_stop(Tracee& tracee, int status) {
  const StopKind kind = kernel::kind_of_stop(status);
  const int signal = kind == StopKind::signal ? delivered_to_init(tracee.thread, WSTOPSIG(status)) : 0;
  if (signal != 0) repeat_unreceived_call(tracee, signal);
  if (kind == StopKind::signal) repeat_unless_handled(tracee.thread);
  if (kind == StopKind::event && status >> 16 == PTRACE_EVENT_CLONE) on_guarded_clone(tracee);
  if (kind == StopKind::event && status >> 16 == PTRACE_EVENT_EXEC) {
    std::erase_if(tracees_, [&tracee](const auto& item) { return item.second.guarded && item.first != tracee.thread; });
  }
  if (tracee.abandoned) {
    detach(tracee, signal);
  } else if (kind == StopKind::group) {
    (void)::ptrace(PTRACE_LISTEN, tracee.thread.value(), 0, 0);
  } else {
    let_go(tracee, PTRACE_CONT, signal);
  }
}

// The new thread is seized already.
void Tracer::on_guarded_clone(const Tracee& parent) {
  unsigned long message = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, parent.thread.value(), 0, &message) != 0) return;
  const HostPid thread(static_cast<pid_t>(message));
  if (find(thread) != nullptr) return;
  add_guarded(thread);
  Tracee& child = *find(thread);
  // A process of its own, whose end raises another signal than SIGCHLD.
  const auto process = world_.thread_group_of(thread);
  child.abandoned = process.ok() && *process != world_.init();
  if (const auto first = unclaimed_.find(thread); first != unclaimed_.end()) {
    const Event event = first->second;
    unclaimed_.erase(first);
    on_guarded_stop(child, event.status);
  }
}

// A notified call that a signal interrupts before the monitor has received it ends with EINTR where the handler lacks
// SA_RESTART, although Linux would have been through with it. The kernel is told to repeat it whatever the handler wants.
void Tracer::repeat_unreceived_call(Tracee& tracee, int signal) {
  constexpr int64_t kRestartAlways = 513;  // ERESTARTNOINTR of include/linux/errno.h
  const bool by_monitor = std::exchange(tracee.call_interrupted, false);
  user_regs_struct registers{};
  if (by_monitor || ::ptrace(PTRACE_GETREGS, tracee.thread.value(), 0, &registers) != 0) return;
  if (static_cast<int64_t>(registers.rax) != -kernel::kRestartCall ||
      !is_answered_by_monitor(registers, signal, conditions_of(world_.mode()))) {
    return;
  }
  registers.rax = static_cast<unsigned long long>(-kRestartAlways);
  (void)::ptrace(PTRACE_SETREGS, tracee.thread.value(), 0, &registers);
}

// The signal that init is to get in place of this one: itself, or none.
int Tracer::delivered_to_init(HostPid thread, int signal) const {
  siginfo_t info{};
  if (::ptrace(PTRACE_GETSIGINFO, thread.value(), 0, &info) != 0) return signal;
  const bool sent_for_init = info.si_code == SI_TKILL && info.si_pid == ::getpid();  // signal_sending.cc
  if (sent_for_init || (is_from_process(info) && info.si_pid == world_.init().value())) {
    info.si_pid = 1;
    if (const auto state = world_.state_of(world_.init()); sent_for_init && state.ok())
      info.si_uid = (*state)->credentials->uid;
    (void)::ptrace(PTRACE_SETSIGINFO, thread.value(), 0, &info);
  }
  if (is_harmless(signal) || is_fault(info) || signal == SIGSTOP) return signal;
  const auto state = kernel::signal_state_of(thread);
  return !state.ok() || (state->caught & bit(signal)) != 0 ? signal : 0;
}

}  // namespace litebox::monitor
