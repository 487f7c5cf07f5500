#include "shim/monitor/nudge.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>

#include "shim/guest/abi.h"

namespace litebox::monitor {
namespace {

// Waits for the tracee's stop. A thread that died instead is released: unless it is our own child, its real parent learns of
// its end only after its tracer does.
Result<int> wait_for_stop(const WaitingCall& call) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(call.thread.value()), &info, WEXITED | WSTOPPED | __WALL | WNOWAIT) != 0) {
    if (errno != EINTR) return last_error();
  }
  if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
    if (!call.direct_child) (void)::waitpid(call.thread.value(), nullptr, __WALL | WNOHANG);
    return Error(ESRCH);
  }
  int status = 0;
  while (::waitpid(call.thread.value(), &status, __WALL) < 0) {
    if (errno != EINTR) return last_error();
  }
  if (!WIFSTOPPED(status)) return Error(ESRCH);
  return status;
}

}  // namespace

Status exchange_registers(const Listener& listener, const WaitingCall& call,
                          const std::function<void(user_regs_struct&)>& change) {
  const pid_t thread = call.thread.value();
  if (::ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) return last_error();
  if (::ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    const Error error = last_error();
    (void)::ptrace(PTRACE_DETACH, thread, 0, 0);
    return error;
  }
  (void)listener.answer(call.notification_id, -EINTR);
  while (true) {
    LITEBOX_ASSIGN(const int status, wait_for_stop(call));
    if (status >> 16 != PTRACE_EVENT_STOP) {
      // A signal on its way: let it be delivered, the interrupt's own stop comes next. Its handler would then run with
      // registers that the exchange must not touch, so the thread is stopped again at once.
      (void)::ptrace(PTRACE_CONT, thread, 0, WSTOPSIG(status));
      continue;
    }
    break;
  }
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, 0, &registers) != 0) {
    const Error error = last_error();
    (void)::ptrace(PTRACE_DETACH, thread, 0, 0);
    return error;
  }
  if (registers.rip != call.instruction_pointer) {
    // The thread is elsewhere (a signal handler's frame was built first): its call has returned the dummy answer.
    (void)::ptrace(PTRACE_DETACH, thread, 0, 0);
    return Error(EAGAIN);
  }
  change(registers);
  registers.orig_rax = static_cast<unsigned long long>(-1);
  if (::ptrace(PTRACE_SETREGS, thread, 0, &registers) != 0) {
    const Error error = last_error();
    (void)::ptrace(PTRACE_DETACH, thread, 0, 0);
    return error;
  }
  (void)::ptrace(PTRACE_DETACH, thread, 0, 0);
  return {};
}

user_regs_struct nudged(const user_regs_struct& original, int64_t number, const std::array<uint64_t, 6>& arguments,
                        uint64_t nudge) {
  user_regs_struct registers = original;
  registers.rax = static_cast<unsigned long long>(number);
  registers.rdi = arguments[0];
  registers.rsi = arguments[1];
  registers.rdx = arguments[2];
  registers.r10 = arguments[3];
  registers.r8 = arguments[4];
  registers.r9 = arguments[5];
  registers.r15 = nudge;
  registers.rip = abi::kNudgeEntry;
  return registers;
}

}  // namespace litebox::monitor
