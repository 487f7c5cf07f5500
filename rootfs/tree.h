// The container's tree: a mount table and the one resolver through which every path goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

// mount(2)'s per-mount flags that litebox enforces.
struct MountFlags {
  bool read_only = false;
  bool no_suid = false;
  bool no_dev = false;
  bool no_exec = false;
  bool no_atime = false;
  bool no_symlink_follow = false;
};

// One mount. Immutable but for its flags (remount), which only Tree changes.
class Mount {
 public:
  int id = 0;
  MountPtr parent;        // null for the root mount
  Location mountpoint;    // what it covers, in the parent; empty for the root mount
  NodePtr root;
  MountFlags flags;
  std::string type;       // "ext4", "tmpfs", "proc", ... as mountinfo shows it
  std::string source;     // as mountinfo shows it
  std::string root_path;  // mountinfo's fourth field: the root within its file system
  std::string options;    // super block options, as mountinfo shows them
};

struct ResolveOptions {
  bool follow_final = true;    // false: O_NOFOLLOW, AT_SYMLINK_NOFOLLOW
  bool want_parent = false;    // the last component may be missing (creating, removing, renaming)
  // openat2(2)'s RESOLVE_* flags
  bool no_symlinks = false;
  bool no_magic_links = false;
  bool beneath = false;
  bool in_root = false;
  bool no_cross_mount = false;
};

// Where a path leads.
struct Resolved {
  Location parent;              // the directory that holds the last component
  std::string name;             // the last component; empty when the path ended in "/", "." or ".." or a magic link
  Location target;              // the node itself; target.node is null when it is missing (want_parent only)
  bool trailing_slash = false;  // the path said that it names a directory
};

class Tree {
 public:
  explicit Tree(Location root_mount_root);

  // Where "/" is for a task that has not called chroot.
  Location root() const;

  // Walks `path` from `start` (a cwd or a directory fd; ignored for an absolute path) under `task_root`. An empty path is
  // ENOENT; AT_EMPTY_PATH is the caller's business. Follows at most 40 symlinks (ELOOP); ENAMETOOLONG over PATH_MAX.
  Result<Resolved> resolve(const Subject& subject, const Location& task_root, const Location& start, std::string_view path,
                           const ResolveOptions& options = {});

  // The location behind a file descriptor that the monitor holds a copy of (pidfd_getfd): synthetic nodes by their
  // registry, host files by the mount whose source holds them. A file outside every mount is a location of its own,
  // above which nothing can be named.
  Result<Location> locate(int fd);

  // The absolute path of a location as seen from `task_root` ("/" joined); " (deleted)" is appended as the kernel does,
  // "(unreachable)" prefixed for one outside task_root.
  Result<std::string> path_of(const Subject& subject, const Location& task_root, const Location& location);

  // Attaches `root` over `mountpoint`. The mount's id is chosen here.
  Result<MountPtr> mount(const Location& mountpoint, NodePtr root, MountFlags flags, std::string type, std::string source,
                         std::string root_path, std::string options);
  Status unmount(const MountPtr& mount);
  void remount(const MountPtr& mount, MountFlags flags);
  std::vector<MountPtr> mounts() const;  // in order of mounting

  // The topmost mount's root at a location (follows mounts stacked on it); the location itself if none covers it.
  Location cross_mounts(Location location) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace litebox::rootfs
