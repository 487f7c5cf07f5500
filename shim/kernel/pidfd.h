// Processes and threads held by descriptor, so that a reused number cannot be mistaken for them (pidfd_open(2)).
#pragma once

#include <csignal>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

// A pidfd of a process (thread group leader); ESRCH.
Result<Fd> open_pidfd(HostPid process);
// A pidfd of a single thread (PIDFD_THREAD, Linux 6.9), of its thread group on older kernels.
Result<Fd> open_thread_pidfd(HostPid thread);
// Whether the task behind a pidfd has ended.
bool has_ended(int pidfd);
// The thread group of a live thread: PIDFD_GET_INFO (Linux 6.13), else /proc/<tid>/status.
Result<HostPid> thread_group(int pidfd, HostPid thread);
// The parent of the process behind a pidfd, as the kernel has it; 0 when there is none in sight.
Result<HostPid> parent_process(int pidfd, HostPid process);
// pidfd_send_signal(2) with the kernel's own SI_USER information, or with the sender's.
Status send_signal(int pidfd, int signal);
Status send_signal_with(int pidfd, int signal, siginfo_t information);
// The same on behalf of another process, whose ids the receiver sees. The kernel lets nobody forge SI_USER: si_code is
// SI_QUEUE.
Status send_signal_from(int pidfd, int signal, VirtualPid sender, uid_t sender_uid);

}  // namespace litebox::kernel
