// Nudges: making a thread that waits in a notification run a call of the monitor's choice in its own context.
//
// The thread's wait is ended with a dummy answer while a ptrace stop is pending; in the stop its registers are exchanged, and
// it is let go at the blob's nudge entry. When the call is done the blob reports the result by a hypercall, upon which the
// monitor puts the thread's own registers back, result included, and lets it go where it was. Nothing is kept in the guest.
#pragma once

#include <sys/user.h>

#include <array>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/stopped_thread.h"

namespace litebox::monitor {

// Stops the thread, hands its registers to `change`, and lets it go with what `change` made of them (orig_rax is set so that
// no call is restarted). ESRCH: the thread has died. EPERM: it may not be traced (a guest traces it); the call then has
// not been answered.
Status exchange_registers(const Listener& listener, const WaitingCall& call,
                          const std::function<void(user_regs_struct&)>& change);

// The registers that make `original` run system call `number` at the blob's nudge entry. `nudge` comes back with its result.
user_regs_struct nudged(const user_regs_struct& original, int64_t number, const std::array<uint64_t, 6>& arguments,
                        uint64_t nudge);

}  // namespace litebox::monitor
