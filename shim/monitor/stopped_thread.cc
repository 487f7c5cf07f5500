#include "shim/monitor/stopped_thread.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

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

// A thread that has been killed meanwhile stays until its tracer has taken notice of that: without it an exec of another of
// the process's threads (fs/exec.c de_thread()) would wait for ever.
void let_go(HostPid thread, bool direct_child) {
  if (::ptrace(PTRACE_DETACH, thread.value(), 0, 0) == 0 || errno != ESRCH || direct_child) return;
  while (::waitpid(thread.value(), nullptr, __WALL) < 0 && errno == EINTR) continue;
}

}  // namespace

Result<StoppedThread> StoppedThread::stop(const Listener& listener, const WaitingCall& call, int64_t answer) {
  const pid_t thread = call.thread.value();
  if (::ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) return last_error();
  if (::ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    const Error error = last_error();
    let_go(call.thread, call.direct_child);
    return error;
  }
  (void)listener.answer(call.notification_id, answer);
  while (true) {
    LITEBOX_ASSIGN(const int status, wait_for_stop(call));
    if (status >> 16 == PTRACE_EVENT_STOP) return StoppedThread(call.thread, call.direct_child);
    // A signal on its way: let it be delivered, the interrupt's own stop comes next.
    (void)::ptrace(PTRACE_CONT, thread, 0, WSTOPSIG(status));
  }
}

StoppedThread::~StoppedThread() {
  if (thread_ != HostPid()) let_go(thread_, direct_child_);
}

Result<user_regs_struct> StoppedThread::registers() const {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread_.value(), 0, &registers) != 0) return last_error();
  return registers;
}

Status StoppedThread::set_registers(const user_regs_struct& registers) const {
  user_regs_struct copy = registers;
  if (::ptrace(PTRACE_SETREGS, thread_.value(), 0, &copy) != 0) return last_error();
  return {};
}

}  // namespace litebox::monitor
