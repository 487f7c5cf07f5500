// What tracees do: stops, new threads, program changes, ends.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

#include "shim/guest/abi.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/tracer.h"

namespace litebox::monitor {
namespace {

using kernel::StopKind;

bool makes_a_thread(int event) {
  return event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE;
}

// The information of a signal that no process has sent: PTRACE_ATTACH's SIGSTOP is the kernel's own, the SIGTRAP after an exec
// the process's.
void set_signal_info(HostPid thread, int signal, int code, pid_t sender, uid_t uid) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = code;
  info.si_pid = sender;
  info.si_uid = uid;
  (void)::ptrace(PTRACE_SETSIGINFO, thread.value(), 0, &info);
}

// Where in the blob a stopped thread is, if it is there.
std::optional<uint64_t> blob_offset(HostPid thread) {
  constexpr uint64_t kBlobSize = 2UL * 4096;
  errno = 0;
  const auto at = static_cast<uint64_t>(::ptrace(PTRACE_PEEKUSER, thread.value(), offsetof(user_regs_struct, rip), 0));
  if (errno != 0 || at - abi::kBlobBase >= kBlobSize) return std::nullopt;
  return at - abi::kBlobBase;
}

}  // namespace

void Tracer::on_stop(Tracee& tracee, int status, const rusage& usage) {
  const StopKind kind = kernel::kind_of_stop(status);
  const int signal = WSTOPSIG(status);
  if (tracee.exchange) {
    if (finish_exchange(tracee, status)) return;
  }
  if (tracee.guarded) {
    on_guarded_stop(tracee, status);
    return;
  }
  if (kind == StopKind::event && status >> 16 == PTRACE_EVENT_EXEC) {
    on_exec(tracee);
    return;
  }
  if (tracee.hidden && on_hidden_stop(tracee, status)) return;
  if (!tracee.hidden && leave_blob(tracee, status)) return;
  if (tracee.abandoned) {
    detach(tracee, kind == StopKind::signal ? signal : 0);
    return;
  }
  if (kind == StopKind::event && makes_a_thread(status >> 16)) adopt_child(tracee);
  if (kind == StopKind::trap || kind == StopKind::group) {
    const bool swallow = kind == StopKind::trap && tracee.swallow_trap && !tracee.interrupt_asked;
    tracee.swallow_trap = tracee.interrupt_asked = false;
    if (swallow) {
      let_go(tracee, tracee.resumed_with, 0);
      return;
    }
  } else if (tracee.swallow_trap) {
    (void)::ptrace(PTRACE_INTERRUPT, tracee.thread.value(), 0, 0);  // this stop may have taken it away
  }
  if (kind == StopKind::signal && tracee.pass_signal == signal) {
    tracee.pass_signal = 0;
    let_go(tracee, tracee.resumed_with, signal);
    return;
  }
  TraceStop stop;
  stop.usage = usage;
  if (kind == StopKind::signal && signal == SIGSTOP && tracee.attach_stop_due) {
    tracee.attach_stop_due = false;
    set_signal_info(tracee.thread, SIGSTOP, SI_KERNEL, 0, 0);
  }
  if (kind == StopKind::signal && signal == SIGTRAP && tracee.exec_signal_due) {
    tracee.exec_signal_due = false;
    const auto state = world_.state_of(tracee.thread);
    set_signal_info(tracee.thread, SIGTRAP, SI_USER, world_.to_virtual(tracee.process).value(),
                    state.ok() ? (*state)->credentials->uid : 0);
  }
  const auto visible = kernel::visible_status(status, tracee.seized, tracee.options, tracee.newborn);
  if (!visible) {
    let_go(tracee, tracee.resumed_with, 0);
    return;
  }
  stop.status = *visible;
  stop.emulated = tracee.newborn && !tracee.seized;
  tracee.newborn = false;
  report(tracee, stop);
}

// A thread that was in the blob already when it was attached: what would have stopped it does so when it is out again.
bool Tracer::leave_blob(Tracee& tracee, int status) {
  const StopKind kind = kernel::kind_of_stop(status);
  if (kind == StopKind::syscall || kind == StopKind::event) return false;
  const auto offset = blob_offset(tracee.thread);
  if (!offset) return false;
  hide(tracee);
  if (kind == StopKind::signal) {
    tracee.deferred_signals.push_back(WSTOPSIG(status));
  } else {
    tracee.interrupt_due = tracee.interrupt_asked;
    tracee.swallow_trap = false;
  }
  // A nudged call ends with a register exchange, the loader without a sign.
  tracee.leaving = *offset >= abi::kEmptyString - abi::kBlobBase;
  let_go(tracee, tracee.leaving ? PTRACE_SINGLESTEP : PTRACE_CONT, 0);
  return true;
}

// A thread that is busy for the monitor goes on; what must not be lost is kept for later.
bool Tracer::on_hidden_stop(Tracee& tracee, int status) {
  if (tracee.leaving && WSTOPSIG(status) == SIGTRAP && status >> 16 == 0) {
    tracee.leaving = blob_offset(tracee.thread).has_value();
    if (tracee.leaving) {
      let_go(tracee, PTRACE_SINGLESTEP, 0);
    } else {
      come_back(tracee, ExchangeEnd::returned);
    }
    return true;
  }
  switch (kernel::kind_of_stop(status)) {
    case StopKind::signal:  // only signals that nobody can block get here
      tracee.deferred_signals.push_back(WSTOPSIG(status));
      break;
    case StopKind::event:
      if (status >> 16 == PTRACE_EVENT_EXIT) return false;
      break;
    case StopKind::group:
      tracee.interrupt_due = true;
      break;
    case StopKind::trap:
      tracee.swallow_trap = false;
      break;
    case StopKind::syscall:
      break;
  }
  let_go(tracee, tracee.leaving ? PTRACE_SINGLESTEP : PTRACE_CONT, 0);
  return true;
}

// A thread that executes a program gets its process's id: the record of the id's former owner, if it has one, ends without a
// word, as de_thread() has it.
Tracee* Tracer::renamed(HostPid leader, int status) {
  if (status >> 16 != PTRACE_EVENT_EXEC) return nullptr;
  unsigned long former = 0;
  (void)::ptrace(PTRACE_GETEVENTMSG, leader.value(), 0, &former);
  const HostPid thread(static_cast<pid_t>(former));
  auto node = tracees_.extract(thread);
  if (node.empty()) return nullptr;
  const HostPid tracer_process = node.mapped().tracer.process;
  world_.traces().hold(tracer_process);  // it never stops being a tracer
  if (thread != leader) forget(leader);
  world_.traces().remove(thread);
  node.key() = leader;
  node.mapped().thread = leader;
  node.mapped().former = thread;
  tracees_.insert(std::move(node));
  Tracee* tracee = find(leader);
  world_.traces().add(leader, tracee->tracer);
  world_.traces().release(tracer_process);
  return tracee;
}

// The loader has been executed; the process's other threads are gone.
void Tracer::on_exec(Tracee& stopped) {
  const HostPid leader = stopped.thread;
  Tracee* const executing = renamed(leader, kernel::stop_status(SIGTRAP, PTRACE_EVENT_EXEC));
  Tracee& tracee = executing != nullptr ? *executing : *find(leader);
  const auto pidfd = kernel::open_pidfd(leader);
  if (pidfd.ok()) {
    const auto parent = kernel::parent_process(pidfd->get(), leader);
    tracee.native_child = parent.ok() && *parent == tracee.tracer.process;
  }
  if (!tracee.hidden) hide(tracee);
  tracee.executed = true;
  tracee.leaving = false;
  let_go(tracee, PTRACE_CONT, 0);
}

void Tracer::adopt_child(Tracee& parent) {
  unsigned long message = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, parent.thread.value(), 0, &message) != 0) return;
  const HostPid thread(static_cast<pid_t>(message));
  if (find(thread) != nullptr) return;
  Tracee child;
  child.thread = thread;
  const auto process = world_.thread_group_of(thread);
  child.process = process.ok() ? *process : thread;
  child.tracer = parent.tracer;
  child.any_tracer_thread = parent.any_tracer_thread;
  child.seized = parent.seized;
  child.options = parent.options;
  child.newborn = true;
  world_.traces().add(thread, child.tracer);
  tracees_.emplace(thread, std::move(child));
  if (const auto first = unclaimed_.find(thread); first != unclaimed_.end()) {
    const Event event = first->second;
    unclaimed_.erase(first);
    on_stop(*find(thread), event.status, event.usage);
  }
}

void Tracer::on_end(HostPid thread, int status, const rusage& usage) {
  Tracee* tracee = find(thread);
  if (tracee == nullptr) return;
  if (tracee->exchange) (void)listener_.answer(tracee->exchange->notification_id, -ESRCH);
  const HostPid tracer_process = tracee->tracer.process;
  const bool to_be_collected = !tracee->abandoned && !tracee->native_child && tracers_.count(tracee->tracer.thread) != 0;
  if (to_be_collected) {
    world_.traces().hold(tracer_process);
    ended_.push_back({thread, tracee->process, ::getpgid(tracee->process.value()), tracer_process, status, usage});
    const auto watched = tracers_.find(tracee->tracer.thread);
    (void)kernel::send_signal_from(watched->second.process_pidfd.get(), SIGCHLD, world_.to_virtual(thread), 0);
  }
  // A child of its tracer: the kernel tells it.
  forget(thread);
  serve_waits(tracer_process);
}

void Tracer::report(Tracee& tracee, TraceStop stop) {
  tracee.stopped = true;
  tracee.stop = stop;
  tracee.stop.sequence = next_stop_++;
  if (const auto watched = tracers_.find(tracee.tracer.thread); watched != tracers_.end()) {
    (void)kernel::send_signal_from(watched->second.process_pidfd.get(), SIGCHLD, VirtualPid(tracee.thread.value()), 0);
  }
  serve_waits(tracee.tracer.process);
}

void Tracer::let_go(Tracee& tracee, int request, int signal) {
  tracee.stopped = false;
  (void)::ptrace(static_cast<__ptrace_request>(request), tracee.thread.value(), 0, signal);
}

void Tracer::detach(Tracee& tracee, int signal) {
  const HostPid thread = tracee.thread;
  const bool to_be_guarded = guarding_ && !tracee.guarded && tracee.process == world_.init();
  const bool killed = ::ptrace(PTRACE_DETACH, thread.value(), 0, signal) != 0 && errno == ESRCH;
  forget(thread);
  if (killed) add_kicked(thread);          // it is still to be reaped
  if (to_be_guarded) (void)guard(thread);  // it may be gone already
}

void Tracer::forget(HostPid thread) {
  world_.traces().remove(thread);
  tracees_.erase(thread);
}

}  // namespace litebox::monitor
