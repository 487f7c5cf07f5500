// Blocking on behalf of a guest without being deaf to the guest's signals.
//
// A thread whose call is being answered by the monitor waits inside its notification, where only a fatal signal reaches it
// (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV). A call that may block for long therefore watches the thread's pending signals in
// /proc/<tid>/status and gives up when one would have interrupted it on Linux.
#pragma once

#include <cstdint>
#include <functional>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/process_status.h"

namespace litebox::kernel {

// ERESTARTSYS of include/linux/errno.h. As the answer to a notification it makes the kernel do what it does for any
// interrupted call: repeat it after a handler with SA_RESTART (or none), or fail with EINTR. Only where the thread certainly
// has a signal to handle on its way out, or the number itself would reach the program.
inline constexpr int kRestartCall = 512;
// ERESTARTNOHAND: the same for calls that SA_RESTART does not repeat (signal(7)): EINTR after any handler.
inline constexpr int kRestartCallUnlessHandled = 514;

// What /proc/<tid>/status says about signals; bit n - 1 stands for signal n.
struct SignalState {
  uint64_t pending = 0;         // sent to the thread
  uint64_t shared_pending = 0;  // sent to its process
  uint64_t blocked = 0;
  uint64_t caught = 0;   // has a handler
  unsigned threads = 1;  // in the process
};

// EIO when a field is missing.
Result<SignalState> parse_signal_state(const ProcessStatus& status);
// ESRCH when the thread has ended.
Result<SignalState> signal_state_of(HostPid thread);

// The errno with which a blocked call of such a thread ends now: 0 (nothing pending), kRestartCall, or EINTR where a signal
// is pending for the process but the kernel may have chosen another thread to handle it.
int interruption_of(const SignalState& state);

// Runs `work` in the calling thread: one system call that may block, returning its result or -errno. It is interrupted when
// `thread` gets a signal to handle, or ends; the error is then interruption_of's (EINTR for a thread that has ended).
// Any other error is the call's own. A call that returns EINTR for other reasons is repeated.
Result<int64_t> run_interruptibly(HostPid thread, const std::function<int64_t()>& work);

}  // namespace litebox::kernel
