// Roots of host mounts that only the container has: a bind mount's clone, a tmpfs.
//
// With CAP_SYS_ADMIN they are detached mounts (open_tree(2), fsmount(2)): in no mount namespace and no mount table, gone with
// the last descriptor, and the kernel enforces their flags and limits on every descriptor that a guest holds. Without it a
// bind mount is the source itself and a tmpfs a directory of the scratch space: litebox alone enforces the flags, by path,
// and a tmpfs has no limit of its own (size and nr_inodes are not enforced; it takes what the host's file system gives).
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/mount_options.h"

namespace litebox::rootfs {

struct HostMount {
  Fd root;                 // O_PATH or what serves as it
  bool detached = false;   // a mount of its own
  bool submounts = false;  // of a detached one: the host has others below it, which it shows as well
};

// What /proc/self/mountinfo says of the mount that a file is on, for what the container's mountinfo shows.
struct HostMountInfo {
  std::string type = "none";
  std::string source = "none";
  std::string root = "/";  // the file's path within its file system
  std::string options = "rw";
};
HostMountInfo host_mount_info(int fd);

// The file or directory `source`, with the mounts below it if `with_submounts`.
Result<HostMount> bind_source(const std::string& source, bool with_submounts, bool may_mount);

// An empty tmpfs. EINVAL for an option that tmpfs does not know, or a value of the wrong form.
Result<HostMount> make_tmpfs(const MountOptions& options, const std::string& scratch, bool may_mount);

// Gives the detached mount `root` its attributes; without `read_only` all but that one, so that it can be filled first. What
// the host does not let the monitor change stays to litebox.
void set_attributes(int root, const MountOptions& options, bool read_only);

}  // namespace litebox::rootfs
