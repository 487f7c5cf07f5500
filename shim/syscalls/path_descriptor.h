// What a guest holds after open(2) with O_PATH.
//
// SECCOMP_IOCTL_NOTIF_ADDFD cannot install an O_PATH descriptor (EBADF), so a guest gets one that can do as little: for a
// regular file one of access mode 3, which neither reads nor writes (open(2), "Linux reserves the special, nonstandard access
// mode 3"); for a directory one that is open for reading, which only getdents could use, and that is the monitor's; for
// everything else an empty memfd that stands for the node. All carry O_DSYNC, which means nothing to them, which no fcntl(2)
// clears, and by which they are known again.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/tree.h"

namespace litebox::syscalls {

// A descriptor for the guest that only names the file at `location`. No permission of the file is asked for.
Result<Fd> open_path_descriptor(const rootfs::Tree& tree, const rootfs::Location& location);

// Whether `fd` is such a descriptor, or an O_PATH one: calls that change or read the open file answer EBADF.
bool is_path_descriptor(int fd);

}  // namespace litebox::syscalls
