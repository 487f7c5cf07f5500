// /proc/<pid>/mounts, mountinfo and mountstats: the container's mount table as a process with its root directory sees it.
#pragma once

#include <string>

#include "rootfs/node.h"
#include "rootfs/subject.h"
#include "rootfs/tree.h"

namespace litebox::rootfs::proc {

enum class MountFormat { mounts, mountinfo, mountstats };

// Mounts outside `root` are left out (fs/proc_namespace.c, show_vfsmnt, show_mountinfo, show_vfsstat).
std::string mount_table(Tree& tree, const Subject& subject, const Location& root, MountFormat format);

}  // namespace litebox::rootfs::proc
