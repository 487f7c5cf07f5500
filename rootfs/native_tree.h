// The container's tree once more, as mounts of the kernel's own: for guests that are chroot'ed into it (design:
// "kernel-confined").
//
// A detached mount tree: in no mount namespace and no mount table, gone with the last process in it. What the kernel says of a
// path in it is final, but for what only the monitor knows (proc, sysfs, devices, ...): there a file or directory without any
// permission stands, a blocker. Whoever has no capability gets EACCES for what lies behind one and asks the monitor, and sees
// by the missing permissions that the status of one is not the file's.
//
// What a guest mounts or unmounts does not come here: a blocker does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/tree.h"

namespace litebox::rootfs {

class NativeTree {
 public:
  // Mounts everything that `tree` has. Needs CAP_SYS_ADMIN and a kernel that mounts onto detached trees (Linux 6.15): EINVAL
  // before it. ENOTSUP with the reason where the kernel would show what is not to be seen.
  static Result<std::unique_ptr<NativeTree>> build(Tree& tree);

  // The root directory: what guests are to be chroot'ed into.
  int root() const { return root_.get(); }
  // The roots of the mounts below which files may be read: the root's and those on it. Blockers are not among them.
  const std::vector<Fd>& readable() const { return readable_; }

  // A directory of the tree, open for reading, at an absolute path without symlinks. ELOOP, EACCES (a blocker), ENOENT, ...
  Result<Fd> open_directory(const std::string& path) const;
  // Whether the file at `path`, without symlinks, has this inode number.
  bool shows(const std::string& path, uint64_t inode) const;
  // Puts a blocker over the file or directory at `path`; nothing where one lies over it already.
  Status block(const std::string& path);

  struct Shown {
    uint64_t mount_id;  // the kernel's
    MountPtr mount;     // the container's mount that it shows
    std::string path;   // where it is
  };
  // Null for a mount that is not of this tree.
  const Shown* find(uint64_t mount_id) const;

 private:
  NativeTree() = default;
  Status make_blockers();
  Status attach(Tree& tree, const MountPtr& mount);
  Status attach_blocker(int place, bool directory) const;
  Result<Fd> place(const std::string& path) const;

  Fd root_;
  Fd blockers_;  // a tmpfs of their own
  Fd blocking_directory_, blocking_file_;
  std::vector<Fd> readable_;
  std::vector<Shown> shown_;
};

}  // namespace litebox::rootfs
