// System calls on host files that are held by O_PATH descriptors, with errors as values. No permission of a guest is looked
// at here: that is the nodes' business.
//
// A file held by an O_PATH descriptor is used through /proc/self/fd/N, so that the file that was checked is the file that is
// used, whatever has become of its name.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/node.h"

namespace litebox::rootfs::host {

// "/proc/self/fd/N" without allocation.
class FdPath {
 public:
  explicit FdPath(int fd);
  const char* c_str() const { return text_; }

 private:
  char text_[32];
};

// What a node remembers of its file; `size` and `link_count` are those of the moment.
struct Identification {
  NodeKey key;
  mode_t mode = 0;
  uint64_t mount_id = 0;
  uint64_t size = 0;
};

Result<Identification> identify(int fd);
Result<struct statx> status(int fd);

// One component, never followed: O_PATH | O_NOFOLLOW.
Result<Fd> lookup(int directory, const char* name);
// Several components at once, none of them a symlink that is followed or "..": openat2(2) with RESOLVE_BENEATH,
// RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS. ENOSYS where the kernel has no openat2.
Result<Fd> lookup_path(int directory, const std::string& path);
Result<Fd> parent(int directory);

Result<Fd> reopen(int fd, int flags, mode_t mode = 0);
Result<std::string> read_link(int fd);
// Where the descriptor's file is: proc(5), /proc/<pid>/fd.
Result<std::string> path(int fd);

// Entries of a directory from `offset` on, at least one unless at the end, about `budget` bytes of them.
Result<std::vector<DirectoryEntry>> read_directory(int fd, int64_t offset, size_t budget);

Result<std::string> get_xattr(int fd, const char* name);
Status set_xattr(int fd, const char* name, const std::string& value, XattrFlags flags);
Status remove_xattr(int fd, const char* name);
Result<std::vector<std::string>> list_xattrs(int fd);

Status change_times(int fd, const struct timespec times[2]);
// A new name for the file behind `fd`.
Status link(int fd, int directory, const char* name);

// The permissions of a new file in `directory`: the umask does not count where the directory has a default ACL (acl(5)).
mode_t apply_umask(int directory, mode_t mode, mode_t umask);

// A result for a call that answers -1 and errno.
inline Status check(int result) { return result < 0 ? Status(last_error()) : Status(); }

}  // namespace litebox::rootfs::host
