// Keeping a guest's native root and working directory, or shutting it out of native paths (kernel/native_paths.h).
#pragma once

#include <functional>

#include "rootfs/node.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// Whether the caller's paths may be resolved by the kernel.
bool uses_native_paths(const Call& call);

enum class Shut { thread, process };
// Shuts the caller out of native paths, then calls `finish` for its answer; with an error's number it has not been.
Reply::InGuest shut_out(Shut who, std::function<int64_t(int64_t)> finish);

// The answer of a call that changes what "/" is for the caller: `change` is done when the kernel's idea of it counts no more.
Reply after_shutting_out(const Call& call, std::function<Status()> change);

// Whether the kernel has `thread` in the directory `location`.
bool is_natively_in(const rootfs::Tree& tree, HostPid thread, const rootfs::Location& location);

// The kernel's own mount at a place says nothing any longer.
void forget_native_mount(const Call& call, const rootfs::Location& location);

}  // namespace litebox::syscalls
