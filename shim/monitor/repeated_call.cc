#include "shim/monitor/repeated_call.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "shim/kernel/pending_signals.h"

namespace litebox::monitor {
namespace {

// signal(7), "Interruption of system calls and library functions by stop signals"; those of sockets where SO_RCVTIMEO or
// SO_SNDTIMEO is set, the select(2) family where the time left cannot be written. EINTR means that they have done nothing.
bool is_never_restarted(long number) {
  constexpr std::array kCalls = {
      SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_rt_sigtimedwait, SYS_io_getevents, SYS_select,   SYS_pselect6,
      SYS_ppoll,      SYS_read,        SYS_readv,        SYS_write,           SYS_writev,       SYS_recvfrom, SYS_recvmsg,
      SYS_recvmmsg,   SYS_sendto,      SYS_sendmsg,      SYS_sendmmsg,        SYS_accept,       SYS_accept4};
  return std::find(kCalls.begin(), kCalls.end(), number) != kCalls.end();
}

}  // namespace

void repeat_unless_handled(HostPid stopped) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, stopped.value(), 0, &registers) != 0) return;
  if (static_cast<int64_t>(registers.rax) != -EINTR || !is_never_restarted(static_cast<long>(registers.orig_rax))) return;
  registers.rax = static_cast<unsigned long long>(-kernel::kRestartCallUnlessHandled);
  (void)::ptrace(PTRACE_SETREGS, stopped.value(), 0, &registers);
}

}  // namespace litebox::monitor
