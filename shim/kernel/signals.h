// Signals as the init of a pid namespace sees them (pid_namespaces(7)), and sending them to members.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/world.h"

namespace litebox::kernel {

// Where a signal comes from decides what reaches init.
enum class Origin {
  inside,   // another member: init gets only what it handles
  outside,  // the runtime, from "an ancestor namespace": SIGKILL and SIGSTOP too
};

// Whether init would not even notice `signal`: it has no handler for it and does not block it (kernel/signal.c, sig_ignored).
bool ignored_by_init(HostPid init, int signal, Origin origin);

// Whether a task with `sender`'s virtual credentials may signal one with `target`'s (kill(2), kernel/signal.c
// kill_ok_by_cred). SIGCONT within a session is the caller's business.
bool may_signal(const Credentials& sender, const Credentials& target);

// Sends to one member process by pidfd, after checking membership; ESRCH for outsiders. Init's immunity applies.
Status signal_process(const World& world, HostPid process, int signal, Origin origin);

// SIGKILLs every member, init included, until none but zombies is left or `timeout_ms` have passed (ETIMEDOUT).
Status kill_all(const World& world, int timeout_ms);

}  // namespace litebox::kernel
