#include "shim/kernel/ptrace_stop.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>

namespace litebox::kernel {
namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;
constexpr int kStopEvent = 128;  // PTRACE_EVENT_STOP; glibc's header has a wrong value in some versions

}  // namespace

StopKind kind_of_stop(int status) {
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (event == kStopEvent) return signal == SIGTRAP ? StopKind::trap : StopKind::group;
  if (event != 0) return StopKind::event;
  return signal == kSyscallStop ? StopKind::syscall : StopKind::signal;
}

std::optional<int> visible_status(int status, bool seized, uint64_t options, bool newborn) {
  switch (kind_of_stop(status)) {
    case StopKind::trap:
      if (seized) return status;
      // ptrace_init_task(): who attached in the older way sees a SIGSTOP of the new thread, and no other such stop.
      return newborn ? std::optional<int>(stop_status(SIGSTOP, 0)) : std::nullopt;
    case StopKind::group:
      return seized ? status : stop_status(WSTOPSIG(status), 0);
    case StopKind::syscall:
      return (options & PTRACE_O_TRACESYSGOOD) != 0 ? status : stop_status(SIGTRAP, 0);
    case StopKind::signal:
    case StopKind::event:
      break;
  }
  return status;
}

uint64_t native_options(uint64_t options) {
  constexpr uint64_t kSame =
      PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT;
  return (options & kSame) | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
}

}  // namespace litebox::kernel
