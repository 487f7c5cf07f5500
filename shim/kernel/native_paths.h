// Who may use paths natively in a kernel-confined tree: who is to the kernel what he is inside.
//
// To the kernel every guest is root without capabilities and groups. That is less than root inside, and what it forbids the
// monitor may still allow; whoever is another inside may not do what root may. A thread that becomes one is shut out of native
// paths first, by a filter that stays with it and with whatever comes from it (abi::kLockdownProgram).
#pragma once

#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// Whether all that the kernel lets root do without capabilities these credentials may do as well (generic_permission(),
// faccessat()). All user and group ids are 0 then, which programs rely on (shim/rewrite/trampoline.cc).
bool may_use_native_paths(const Credentials& credentials);

// Whether the caller with this state still does.
inline bool uses_native_paths(const ProcessState& state) { return !state.asks_for_paths && !state.credentials->asks_for_paths; }

}  // namespace litebox::kernel
