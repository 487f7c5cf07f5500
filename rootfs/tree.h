// The container's tree: a mount table and the one resolver through which every path goes.
#pragma once

#include <atomic>
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

// A flag that a remount may change while others read it.
class MountFlag {
 public:
  MountFlag(bool value = false) : value_(value) {}  // NOLINT(google-explicit-constructor)
  MountFlag(const MountFlag& other) : value_(other) {}
  MountFlag& operator=(const MountFlag& other) {
    value_.store(other, std::memory_order_relaxed);
    return *this;
  }
  ~MountFlag() = default;
  operator bool() const { return value_.load(std::memory_order_relaxed); }  // NOLINT(google-explicit-constructor)

 private:
  std::atomic<bool> value_;
};

// mount(2)'s per-mount flags that litebox enforces.
struct MountFlags {
  MountFlag read_only;
  MountFlag no_suid;
  MountFlag no_dev;
  MountFlag no_exec;
  MountFlag no_atime;
  MountFlag no_symlink_follow;
};

// One mount. Immutable but for its flags (remount) and its place (moving, unmounting), which only Tree changes.
class Mount {
 public:
  struct Place {
    MountPtr parent;
    Location mountpoint;  // what it covers, in the parent
    std::string name;     // of what it covers; empty for one on another mount's root
  };

  int id = 0;  // chosen by Tree
  NodePtr root;
  MountFlags flags;
  MountFlags locked;      // which of the flags a guest may not clear: those that config.json asks for (MNT_LOCK_*)
  bool of_guest = false;  // a file system that a guest has mounted
  bool whole = false;     // shows a mount of the host's that nobody else has (HostFileSystem::private_mount) from its root on
  std::string type;       // "ext4", "tmpfs", "proc", ... as mountinfo shows it
  std::string source;     // as mountinfo shows it
  std::string root_path;  // mountinfo's fourth field: the root within its file system
  std::string options;    // super block options, as mountinfo shows them

  // Null for the root mount, and for one that is mounted no more.
  std::shared_ptr<const Place> place() const { return place_.load(); }
  MountPtr parent() const {
    const auto at = place();
    return at ? at->parent : nullptr;
  }

 private:
  friend class Tree;
  std::atomic<std::shared_ptr<const Place>> place_;
};

struct ResolveOptions {
  bool follow_final = true;  // false: O_NOFOLLOW, AT_SYMLINK_NOFOLLOW
  bool want_parent = false;  // the last component may be missing (creating, removing, renaming)
  bool make_file = false;    // O_CREAT: a last component with a slash behind it is EISDIR, whatever is there
  // openat2(2)'s RESOLVE_* flags
  bool no_symlinks = false;
  bool no_magic_links = false;
  bool beneath = false;
  bool in_root = false;
  bool no_cross_mount = false;
};

// What the last component of a path was (fs/namei.c: LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT).
enum class LastComponent { normal, root, dot, dot_dot };

// Where a path leads.
struct Resolved {
  // With want_parent only: the directory that the last component was looked for in, and that component; the name is empty when
  // the path ended in "/", "." or "..", both are when it ended in a magic link that was followed.
  Location parent;
  std::string name;
  Location target;              // the node itself; target.node is null when it is missing (want_parent only)
  bool trailing_slash = false;  // the path said that it names a directory
  LastComponent last = LastComponent::normal;
};

class DescriptorRegistry;
class FileSystemMaker;
class MountTable;
class NativeTree;

class Tree {
 public:
  // `root`: the root mount (its id is chosen here) and the root of its file system.
  explicit Tree(Location root);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Where "/" is for a task that has not called chroot.
  Location root() const;

  // Walks `path` from `start` (a cwd or a directory fd; ignored for an absolute path) under `task_root`. An empty path is
  // ENOENT; AT_EMPTY_PATH is the caller's business. Follows at most 40 symlinks (ELOOP); ENAMETOOLONG over PATH_MAX.
  // A trailing slash makes a final symlink be followed and asks for a directory (ENOTDIR), but not with want_parent without
  // follow_final (mkdir, rmdir, unlink, rename, ...), where the call itself decides.
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
  Status unmount(const MountPtr& mount);  // EBUSY while another mount is on it
  // Moves a mount with all that is on it. EINVAL for the root mount, ELOOP into itself.
  Status move(const MountPtr& mount, const Location& mountpoint);
  // pivot_root(2): `mount` becomes the root mount, the present one goes to `old_root`, which lies in or below `mount`.
  Status pivot(const MountPtr& mount, const Location& old_root);
  void remount(const MountPtr& mount, MountFlags flags);
  std::vector<MountPtr> mounts() const;  // in order of mounting

  // Whether a mount covers this node, seen through whatever mount: it may then not be removed or renamed (EBUSY).
  bool is_mountpoint(const Node& node) const;

  // --- what mounts forbid, in Linux's order with what files forbid
  // EROFS on a read-only mount: for every call that changes a file or directory (fs/namespace.c, mnt_want_write).
  static Status want_write(const Location& location);
  // access(2): the node's answer, EACCES for executing a file on a noexec mount, EROFS for writing on a read-only one
  // (fs/open.c, do_faccessat).
  static Status check_access(const Subject& subject, const Location& location, int mask);
  // open(2) of what exists: the node's answer, EACCES for a device on a nodev mount, EROFS (fs/namei.c, do_open).
  static Result<Fd> open(const Subject& subject, const Location& location, int flags);
  // Whether a program may be executed from there at all: EACCES on a noexec mount (fs/exec.c, path_noexec).
  static Status may_execute(const Location& location);

  // Where descriptors of synthetic nodes are known; locate() asks it.
  void set_registry(std::shared_ptr<DescriptorRegistry> registry);
  // The same tree as the kernel's mounts, where guests are confined to it: descriptors of theirs may come from there. Null
  // where they are not. Set once, before guests run.
  void set_native(std::unique_ptr<NativeTree> native);
  NativeTree* native() const { return native_.get(); }
  // What guests mount is made by; null where they cannot.
  void set_maker(std::shared_ptr<const FileSystemMaker> maker) { maker_ = std::move(maker); }
  const FileSystemMaker* maker() const { return maker_.get(); }
  const std::shared_ptr<DescriptorRegistry>& registry() const { return registry_; }

  // The topmost mount's root at a location (follows mounts stacked on it); the location itself if none covers it.
  Location cross_mounts(Location location) const;

 private:
  std::shared_ptr<const MountTable> table() const;
  static Result<std::shared_ptr<const Mount::Place>> place_at(const Location& covered);

  mutable std::mutex mutex_;
  std::shared_ptr<const MountTable> table_;  // replaced as a whole, never changed
  std::shared_ptr<DescriptorRegistry> registry_;
  std::shared_ptr<const FileSystemMaker> maker_;
  std::unique_ptr<NativeTree> native_;
  int next_id_ = 1;
};

}  // namespace litebox::rootfs
