// fs.protected_regular and fs.protected_fifos (proc_sys_fs(5)): O_CREAT does not open another user's file in a directory like
// /tmp. The kernel would check it, but it never sees the guest's O_CREAT for a file that exists.
#pragma once

#include "base/result.h"
#include "rootfs/tree.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// may_create_in_sticky: EACCES, or success. Follows the host's two settings as they were at the first call.
Status check_create_in_sticky(const Call& call, const rootfs::Location& directory, const rootfs::Location& file);

}  // namespace litebox::syscalls
