// ptrace(2)'s requests.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/tracer.h"

namespace litebox::monitor {
namespace {

using kernel::StopKind;

int64_t native(int request, HostPid thread, uint64_t address, uint64_t data) {
  const long result = ::syscall(SYS_ptrace, request, thread.value(), address, data);
  return result < 0 ? -errno : result;
}

}  // namespace

void Tracer::on_ptrace(Request& request) {
  const auto operation = static_cast<int64_t>(request.raw(0));
  if (operation == PTRACE_TRACEME) return trace_me(request);
  if (operation == PTRACE_ATTACH) return attach(request, false);
  if (operation == PTRACE_SEIZE) return attach(request, true);
  Tracee* tracee = find(world_.to_host(VirtualPid(request.integer(1))));
  // ptrace_check_attach()
  const bool own =
      tracee != nullptr && !tracee->abandoned &&
      (tracee->tracer.thread == request.thread || (tracee->any_tracer_thread && tracee->tracer.process == request.process));
  if (!own) return answer(request, -ESRCH);
  answer(request, carry_out(request, *tracee));
}

int64_t Tracer::carry_out(Request& request, Tracee& tracee) {
  const auto operation = static_cast<int>(request.raw(0));
  const uint64_t data = request.raw(3);
  if (operation == PTRACE_KILL) {
    (void)::syscall(SYS_tgkill, tracee.process.value(), tracee.thread.value(), SIGKILL);
    return 0;
  }
  if (operation == PTRACE_INTERRUPT) {
    if (!tracee.seized) return -EIO;
    if (tracee.hidden || tracee.exchange) {
      tracee.interrupt_due = true;
      return 0;
    }
    tracee.interrupt_asked = true;
    return native(PTRACE_INTERRUPT, tracee.thread, 0, 0);
  }
  if (!tracee.stopped) return -ESRCH;
  switch (operation) {
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
      return resume(tracee, operation, data);
    case PTRACE_DETACH: {
      if (data > _NSIG) return -EIO;
      const bool made_up = tracee.stop.emulated;
      const HostPid thread = tracee.thread;
      const HostPid process = tracee.process;
      detach(tracee, made_up ? 0 : static_cast<int>(data));
      if (made_up && data != 0) (void)::syscall(SYS_tgkill, process.value(), thread.value(), static_cast<int>(data));
      return 0;
    }
    case PTRACE_LISTEN: {
      if (!tracee.seized) return -EIO;
      const int64_t result = native(PTRACE_LISTEN, tracee.thread, 0, 0);
      if (result == 0) {
        tracee.stopped = false;
        tracee.resumed_with = PTRACE_CONT;
      }
      return result;
    }
    case PTRACE_SETOPTIONS:
    case 21:  // PTRACE_OLDSETOPTIONS
      return set_options(tracee, data);
    default:
      return transfer(request, tracee);
  }
}

int64_t Tracer::set_options(Tracee& tracee, uint64_t options) {
  if ((options & ~kernel::kPtraceOptions) != 0) return -EINVAL;
  if ((options & PTRACE_O_SUSPEND_SECCOMP) != 0) return -EPERM;
  const int64_t result = native(PTRACE_SETOPTIONS, tracee.thread, 0, kernel::native_options(options));
  if (result == 0) tracee.options = options;
  return result;
}

int64_t Tracer::resume(Tracee& tracee, int request, uint64_t data) {
  if (data > _NSIG) return -EIO;
  const TraceStop stop = tracee.stop;
  tracee.resumed_with = request;
  if (stop.syscall_exit_due && request == PTRACE_SYSCALL) {
    TraceStop exit = stop;
    exit.syscall_exit_due = false;
    exit.syscall_exit = true;
    exit.collected = false;
    exit.status = kernel::stop_status((tracee.options & PTRACE_O_TRACESYSGOOD) != 0 ? SIGTRAP | 0x80 : SIGTRAP, 0);
    exit.message = 2;  // PTRACE_EVENTMSG_SYSCALL_EXIT
    report(tracee, exit);
    return 0;
  }
  const pid_t process = tracee.process.value();
  const pid_t thread = tracee.thread.value();
  if (stop.exec_signal_due) {
    tracee.exec_signal_due = true;
    (void)::syscall(SYS_tgkill, process, thread, SIGTRAP);
  }
  auto signal = static_cast<int>(data);
  if (stop.emulated) {
    // The kernel would not deliver it from the stop that it has the thread in.
    if (signal != 0 && !stop.syscall_exit && kernel::kind_of_stop(stop.status) == StopKind::signal) {
      tracee.pass_signal = signal;
      requeue(tracee, signal);
    }
    signal = 0;
  }
  if (tracee.interrupt_due) {
    tracee.interrupt_due = false;
    tracee.interrupt_asked = true;
    (void)native(PTRACE_INTERRUPT, tracee.thread, 0, 0);
  }
  const int64_t result = native(request, tracee.thread, 0, static_cast<uint64_t>(signal));
  tracee.stopped = result != 0;
  return result;
}

}  // namespace litebox::monitor
