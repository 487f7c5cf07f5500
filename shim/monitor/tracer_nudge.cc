// What tracees do for the monitor: nudged calls and the loader, of which their tracers see nothing. And waking threads that
// wait in the kernel for something that only the tracing thread knows of.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "shim/kernel/pidfd.h"
#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/interruption.h"
#include "shim/monitor/tracer.h"

namespace litebox::monitor {
namespace {

using kernel::StopKind;

constexpr uint64_t kAllSignals = ~0ULL;

bool mask_of(HostPid thread, uint64_t& mask) { return ::ptrace(PTRACE_GETSIGMASK, thread.value(), sizeof mask, &mask) == 0; }

void set_mask(HostPid thread, uint64_t mask) { (void)::ptrace(PTRACE_SETSIGMASK, thread.value(), sizeof mask, &mask); }

}  // namespace

// The thread waits in a notification. Its wait is ended with a dummy answer; what comes next is either the stop at the call's
// exit, if its tracer let it go with PTRACE_SYSCALL, or the interrupt's.
void Tracer::start_exchange(Exchange& exchange) {
  Tracee* tracee = find(exchange.thread);
  if (tracee == nullptr) {
    if (exchange.pending.end == ExchangeEnd::executed) {
      (void)listener_.answer(exchange.pending.notification_id, 0);  // nobody traces it: the loader goes on by itself
      return;
    }
    const uint64_t id = exchange.pending.notification_id;
    if (const auto kicked = kicked_.find(exchange.thread); kicked != kicked_.end()) {
      kicked->second.exchange = std::move(exchange.pending);
      (void)listener_.answer(id, -EINTR);
      return;
    }
    // It was traced a moment ago.
    const WaitingCall call{exchange.thread, false, id, exchange.pending.instruction_pointer};
    if (!exchange_registers(listener_, call, exchange.pending.change).ok()) (void)listener_.answer(id, -EPERM);
    return;
  }
  if (exchange.pending.end == ExchangeEnd::executed && !(tracee->hidden && tracee->executed)) {
    (void)listener_.answer(exchange.pending.notification_id, 0);
    return;
  }
  const bool exit_stop = !tracee->hidden && (tracee->resumed_with == PTRACE_SYSCALL);
  const uint64_t id = exchange.pending.notification_id;
  tracee->exchange = std::move(exchange.pending);
  if (!exit_stop && ::ptrace(PTRACE_INTERRUPT, tracee->thread.value(), 0, 0) != 0) {
    tracee->exchange.reset();
    (void)listener_.answer(id, -EPERM);
    return;
  }
  (void)listener_.answer(id, -EINTR);
}

// A call that waited here, or of a thread that was seized when it was to be interrupted. The interrupt shows in no way.
void Tracer::start_interruption(const Interruption& interruption) {
  const WaitingCall& call = interruption.call;
  if (Tracee* tracee = find(call.thread)) {
    tracee->swallow_trap = ::ptrace(PTRACE_INTERRUPT, call.thread.value(), 0, 0) == 0;
    tracee->call_interrupted = true;
    (void)listener_.answer(call.notification_id, tracee->swallow_trap ? interruption.answer : -EINTR);
  } else if (kicked_.count(call.thread) != 0) {
    (void)listener_.answer(call.notification_id, interruption.answer);  // its interrupt is on its way
  } else if (!interrupt_call(listener_, call, interruption.answer).ok()) {
    (void)listener_.answer(call.notification_id, -EINTR);
  }
}

// True if the stop was the exchange's.
bool Tracer::finish_exchange(Tracee& tracee, int status) {
  const StopKind kind = kernel::kind_of_stop(status);
  if (kind != StopKind::trap && kind != StopKind::group && kind != StopKind::syscall) return false;
  const pid_t thread = tracee.thread.value();
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, 0, &registers) != 0) return false;
  if (registers.rip != tracee.exchange->instruction_pointer) return false;
  const PendingExchange exchange = std::move(*tracee.exchange);
  tracee.exchange.reset();
  if (kind == StopKind::group) tracee.interrupt_due = true;
  tracee.swallow_trap = false;
  if (tracee.guarded) {
    exchange.change(registers);
    registers.orig_rax = static_cast<unsigned long long>(-1);
    (void)::ptrace(PTRACE_SETREGS, thread, 0, &registers);
    let_go(tracee, PTRACE_CONT, 0);
    return true;
  }
  if (!tracee.hidden) hide(tracee);
  const auto number = static_cast<int64_t>(registers.orig_rax);
  exchange.change(registers);
  if (exchange.end == ExchangeEnd::goes_on && tracee.call_number < 0) tracee.call_number = number;
  // A nudged call must not be restarted; the thread's own call, which it has left, cannot be: its result says so.
  const int64_t shown = tracee.call_number >= 0 ? tracee.call_number : static_cast<int64_t>(SYS_execve);
  registers.orig_rax = static_cast<unsigned long long>(exchange.end == ExchangeEnd::goes_on ? -1 : shown);
  (void)::ptrace(PTRACE_SETREGS, thread, 0, &registers);
  if (exchange.end == ExchangeEnd::goes_on) {
    let_go(tracee, PTRACE_CONT, 0);
  } else {
    tracee.stop = {};
    tracee.stop.result = static_cast<int64_t>(registers.rax);
    come_back(tracee, exchange.end);
  }
  return true;
}

// From here on the tracer sees nothing of the thread. Its signals wait until it comes back.
void Tracer::hide(Tracee& tracee) {
  tracee.hidden = true;
  tracee.executed = false;
  (void)mask_of(tracee.thread, tracee.signal_mask);
  set_mask(tracee.thread, kAllSignals);
}

// Sends a signal that has been taken off the thread's queue once more.
void Tracer::requeue(const Tracee& tracee, int signal) const {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  (void)::syscall(SYS_rt_tgsigqueueinfo, tracee.process.value(), tracee.thread.value(), signal, &info);
}

// The thread is its tracer's again: it sees what it would have seen of the call, or of the exec.
void Tracer::come_back(Tracee& tracee, ExchangeEnd end) {
  tracee.call_number = -1;
  tracee.hidden = false;
  set_mask(tracee.thread, tracee.signal_mask);
  for (const int signal : tracee.deferred_signals) requeue(tracee, signal);
  tracee.deferred_signals.clear();
  if (tracee.abandoned) {
    detach(tracee, 0);
    return;
  }
  TraceStop stop;
  stop.emulated = true;
  stop.result = tracee.stop.result;
  const bool by_call = tracee.resumed_with == PTRACE_SYSCALL;
  if (end == ExchangeEnd::executed) {
    stop.result = 0;
    const bool event = (tracee.options & PTRACE_O_TRACEEXEC) != 0;
    if (event) {
      stop.status = kernel::stop_status(SIGTRAP, PTRACE_EVENT_EXEC);
      stop.message = static_cast<unsigned long>(world_.to_virtual(tracee.former).value());
      stop.syscall_exit_due = true;
      if (stop.message == 0) stop.message = static_cast<unsigned long>(tracee.former.value());
      report(tracee, stop);
      return;
    }
    stop.exec_signal_due = !tracee.seized;
  }
  if (by_call) {
    stop.status = kernel::stop_status((tracee.options & PTRACE_O_TRACESYSGOOD) != 0 ? SIGTRAP | 0x80 : SIGTRAP, 0);
    stop.syscall_exit = true;
    stop.message = 2;  // PTRACE_EVENTMSG_SYSCALL_EXIT
    report(tracee, stop);
    return;
  }
  tracee.stop = stop;
  (void)resume(tracee, tracee.resumed_with, 0);
}

// Makes a thread stop once, of which its tracer sees nothing; one that waits in the kernel comes back to the monitor with its
// wait. False: it cannot be traced now.
bool Tracer::kick(HostPid thread) {
  if (Tracee* tracee = find(thread)) {
    if (tracee->stopped || tracee->hidden) return true;
    tracee->swallow_trap = ::ptrace(PTRACE_INTERRUPT, thread.value(), 0, 0) == 0;
    return tracee->swallow_trap;
  }
  if (kicked_.count(thread) != 0) return true;
  if (::ptrace(PTRACE_SEIZE, thread.value(), 0, PTRACE_O_TRACEEXEC) != 0) return false;
  add_kicked(thread);
  return ::ptrace(PTRACE_INTERRUPT, thread.value(), 0, 0) == 0;
}

void Tracer::add_kicked(HostPid thread) {
  Kicked& kicked = kicked_[thread];
  auto pidfd = kernel::open_pidfd(thread);  // of a process only
  if (!pidfd.ok()) return;
  const auto parent = kernel::parent_process(pidfd->get(), thread);
  if (parent.ok() && parent->value() == ::getpid()) kicked.pidfd = std::move(*pidfd);
}

// A thread that executes a program gets its process's id, whose former owner is gone.
void Tracer::rename_kicked(HostPid leader) {
  unsigned long message = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, leader.value(), 0, &message) != 0) return;
  const HostPid former(static_cast<pid_t>(message));
  if (former == leader) return;
  kicked_.erase(leader);
  if (kicked_.erase(former) != 0) add_kicked(leader);
}

void Tracer::on_kicked(HostPid thread, int status) {
  if (!WIFSTOPPED(status)) {
    if (kicked_.at(thread).pidfd) {
      const std::lock_guard<std::mutex> guard(mutex_);
      reaped_[thread] = status;
    }
    kicked_.erase(thread);
    return;
  }
  const StopKind kind = kernel::kind_of_stop(status);
  const int signal = kind == StopKind::signal ? WSTOPSIG(status) : 0;
  if (const auto& exchange = kicked_.at(thread).exchange) {
    if (kind != StopKind::trap && kind != StopKind::group) {
      (void)::ptrace(PTRACE_INTERRUPT, thread.value(), 0, 0);  // any other stop takes a pending interrupt away
      (void)::ptrace(PTRACE_CONT, thread.value(), 0, signal);
      return;
    }
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, thread.value(), 0, &registers) == 0 && registers.rip == exchange->instruction_pointer) {
      exchange->change(registers);
      registers.orig_rax = static_cast<unsigned long long>(-1);
      (void)::ptrace(PTRACE_SETREGS, thread.value(), 0, &registers);
    }
  }
  // One that has been killed meanwhile is still to be reaped (let_go() of stopped_thread.cc).
  if (::ptrace(PTRACE_DETACH, thread.value(), 0, signal) == 0 || errno != ESRCH) kicked_.erase(thread);
}

}  // namespace litebox::monitor
