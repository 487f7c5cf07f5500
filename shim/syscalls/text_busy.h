// ETXTBSY: a program's file is not written while the program runs.
//
// The kernel's own check sees only the loader, which is what it executes for every guest.
#pragma once

#include "base/result.h"
#include "rootfs/tree.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// ETXTBSY when a process of the container executes the file at `location` (deny_write_access).
Status check_not_executed(const Call& call, const rootfs::Location& location);

}  // namespace litebox::syscalls
