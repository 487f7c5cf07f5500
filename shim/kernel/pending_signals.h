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

// ERESTARTSYS of include/linux/errno.h: how a call ends that a signal interrupts. The kernel decides what becomes of it
// (shim/monitor/interruption.h): it is repeated after a handler with SA_RESTART, or none, and else fails with EINTR.
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

// Whether a thread in this state has, or may have, a signal to handle. One that is pending for a process of several threads
// is handled by the first that comes out of its call, whichever the kernel has chosen (kernel/signal.c complete_signal()).
bool may_be_interrupted(const SignalState& state);

// Whether the other threads of this one's process have stopped already (SIGSTOP, SIGTSTP, ...) and wait for it to follow.
bool is_awaited_by_group_stop(HostPid thread);

// Runs `work` in the calling thread: one system call that may block, returning its result or -errno. It is interrupted when
// `thread` gets a signal to handle, or its process stops, with kRestartCall; or when it ends, with EINTR. Any other error is
// the call's own. A call that returns EINTR for other reasons is repeated. ENOMEM: more than 1024 calls block already, or the
// calling thread may not block.
Result<int64_t> run_interruptibly(HostPid thread, const std::function<int64_t()>& work);

// Whether the calling thread may block for guests: somebody else answers other calls meanwhile.
void allow_blocking(bool allowed);

// Signals are about to be sent: they are looked for soon.
void expect_signals();

}  // namespace litebox::kernel
