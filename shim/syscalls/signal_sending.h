// Carrying a signal to members: virtual permission, init's immunity, and how it is sent (kernel/signal.c).
//
// Where Landlock keeps signals inside the domain, a checked signal is sent by the caller itself, so that the receiver sees
// the kernel's own word about the sender: whatever the arguments, members alone are reached. Else the monitor sends, by pidfd.
#pragma once

#include <csignal>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

struct OutgoingSignal {
  int number = 0;
  // What the sender has to say itself (rt_sigqueueinfo(2)): as it was read, and where.
  std::optional<siginfo_t> information;
  GuestAddress address;
};

// Whether the information would pass a signal off as the kernel's or kill(2)'s: a sender may do so to itself only.
bool impersonates(const siginfo_t& information);

// Whether the caller may send the signal to the process: EPERM, EINVAL for a number that is no signal's, ESRCH.
Status check_may_send(const Call& call, HostPid process, int signal);

Reply send_to_process(const Call& call, HostPid process, const OutgoingSignal& signal);
Reply send_to_thread(const Call& call, HostPid process, HostPid thread, const OutgoingSignal& signal);
// Every member of the group: success if one could be signalled, else EPERM if one is there, else ESRCH.
Reply send_to_group(const Call& call, HostPid group, const OutgoingSignal& signal);
// Every member but init and the caller.
Reply send_to_all(const Call& call, int signal);

}  // namespace litebox::syscalls
