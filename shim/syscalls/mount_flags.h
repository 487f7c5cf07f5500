// The flags of mount(2) as the tree has them.
#pragma once

#include "base/result.h"
#include "rootfs/mount_options.h"
#include "rootfs/tree.h"

namespace litebox::syscalls {

// MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NOSYMFOLLOW of a new mount.
rootfs::MountFlags mount_flags(unsigned long flags);

// Those of a remount: as mount_flags(), but that a mount without any flag of access times keeps its own. EPERM where one
// would be cleared that config.json's mount has (can_change_locked_flags).
Result<rootfs::MountFlags> remount_flags(const rootfs::Mount& mount, unsigned long flags);

// mount(2)'s `data`, "size=1m,mode=700", and the flags, as the options of a new file system.
rootfs::MountOptions mount_options(unsigned long flags, const std::string& data);

}  // namespace litebox::syscalls
