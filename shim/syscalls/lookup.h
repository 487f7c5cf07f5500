// From a path argument to the file it names: the steps that many calls share, in the order of fs/namei.c.
#pragma once

#include <string>

#include "base/result.h"
#include "rootfs/tree.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// The path argument at `index`; empty for a null pointer where `at_flags` has AT_EMPTY_PATH (getname_maybe_null).
Result<std::string> path_maybe_null(const Call& call, int index, unsigned at_flags);

// The file that (dirfd, path) names. `at_flags`: AT_SYMLINK_NOFOLLOW leaves a final symlink alone; AT_EMPTY_PATH lets an empty
// path name the descriptor's own file (or the working directory); other bits are ignored.
Result<rootfs::Location> locate_at(const Call& call, int dirfd, const std::string& path, unsigned at_flags);
Result<rootfs::Location> locate_at(const Call& call, const rootfs::Subject& subject, int dirfd, const std::string& path,
                                   unsigned at_flags);

// What a descriptor of the caller refers to.
enum class PathDescriptors {
  allowed,  // O_PATH descriptors too, as fstat(2)
  refused,  // EBADF for them, as fchmod(2)
};
Result<rootfs::Location> locate_descriptor(const Call& call, int fd, PathDescriptors path_descriptors);

// Whether a descriptor of this file is one of the host's own, of which the kernel says all, ids included: no stand-in for a
// file of litebox's own, and no file whose owner is another one inside.
bool is_host_file(const Call& call, const rootfs::NodeKey& key);

// A name in a directory that is to be made, removed or renamed: the path without following its last component.
struct Entry {
  rootfs::Location parent;
  std::string name;
  rootfs::Location target;  // target.node is null when nothing has the name
  rootfs::LastComponent last = rootfs::LastComponent::normal;
  bool trailing_slash = false;

  bool exists() const { return target.node != nullptr; }
  bool is_directory() const { return exists() && target.node->is_directory(); }
  // Something is mounted on the name, or on the same file seen through another mount: it may not be removed or renamed.
  bool is_mountpoint(const rootfs::Tree& tree) const {
    return exists() && (target.mount != parent.mount || tree.is_mountpoint(*target.node));
  }
};
Result<Entry> lookup_entry(const Call& call, int dirfd, const std::string& path);

// lookup_entry for a name about to be made (filename_create): EEXIST when it is there; ENOENT for a trailing slash unless a
// directory is to be made; EROFS.
Result<Entry> lookup_new_entry(const Call& call, int dirfd, const std::string& path, bool directory);

}  // namespace litebox::syscalls
