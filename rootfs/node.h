// One file of the container's tree, whatever kind of file system it lives in.
//
// A Node is like the kernel's dentry with its inode: it stays the same file while names change around it. Nodes are made by
// lookups, shared, and safe to use from several threads. Every operation takes the Subject on whose behalf it is done and
// checks that subject's permission as Linux does (host file systems with privilege: the kernel checks under setfsuid; else
// litebox checks). Names are single components: never empty, never "." or "..", no '/'.
//
// Errors are Linux's errno for the call (path_resolution(7) and the call's own manual page). Operations that a file system
// does not have answer the errno that Linux gives for it (EPERM, ENOTDIR, EROFS, ...), which is what the base class does.
#pragma once

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/subject.h"

namespace litebox::rootfs {

class Node;
class Mount;
using NodePtr = std::shared_ptr<Node>;
using MountPtr = std::shared_ptr<Mount>;

// A node seen through a mount: what the kernel calls struct path.
struct Location {
  MountPtr mount;
  NodePtr node;
};

// What makes two nodes the same file. Synthetic file systems take device numbers of their own.
struct NodeKey {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const NodeKey&) const = default;
};

struct NodeKeyHash {
  size_t operator()(const NodeKey& key) const noexcept { return key.device * 0x9e3779b97f4a7c15ULL ^ key.inode; }
};

// One entry of a directory. `next` is the offset that continues after it (d_off).
struct DirectoryEntry {
  uint64_t inode = 0;
  int64_t next = 0;
  unsigned char type = 0;  // DT_*
  std::string name;
};

struct XattrFlags {
  bool create_only = false;   // XATTR_CREATE
  bool replace_only = false;  // XATTR_REPLACE
};

class Node : public std::enable_shared_from_this<Node> {
 public:
  virtual ~Node() = default;

  virtual NodeKey key() const = 0;
  virtual mode_t type() const = 0;  // S_IFMT bits as the container sees them (a recorded device node is S_IFCHR)
  bool is_directory() const { return S_ISDIR(type()); }
  bool is_symlink() const { return S_ISLNK(type()); }

  // Everything statx(2) knows, ids and mode as the container sees them.
  virtual Result<struct statx> status(const Subject& subject) = 0;
  virtual Result<struct statfs> file_system_status();

  // access(2) with the subject's identity; `mask` of R_OK, W_OK, X_OK. Mount flags are the caller's (Tree's) business.
  virtual Status check_access(const Subject& subject, int mask) = 0;

  // Whether the owner is one whose set-user-ID bit exec honours: not where it is no id of the container's (bprm_fill_uid()).
  virtual bool grants_set_id() const { return true; }

  // --- links
  virtual Result<std::string> read_link(const Subject& subject);  // EINVAL unless a symlink
  // Where a magic link (/proc/<pid>/fd/N, exe, cwd, root) leads; nothing for an ordinary symlink.
  virtual Result<std::optional<Location>> magic_target(const Subject& subject);

  // --- directories
  virtual Result<NodePtr> lookup(const Subject& subject, const std::string& name);  // checks search permission first
  // Several components at once, "a/b/c", where that is as good as looking them up one by one: no ".", "..", no symlink
  // followed. EXDEV when it is not (a symlink on the way, a file system that has no such shortcut): look them up one by one.
  virtual Result<NodePtr> lookup_path(const Subject& subject, const std::string& path);
  // The directory above this one inside its file system (".."), never asked of a mount's root.
  virtual Result<NodePtr> parent(const Subject& subject);
  // Modes are as the caller of open(2), mkdir(2), mknod(2) gave them: the node applies subject.umask.
  virtual Result<NodePtr> create(const Subject& subject, const std::string& name, mode_t mode);  // regular, exclusive
  // As create(), and opens the new file with `flags` at once, whatever its mode permits (open(2), O_CREAT).
  virtual Result<Fd> create_open(const Subject& subject, const std::string& name, int flags, mode_t mode);
  virtual Status make_directory(const Subject& subject, const std::string& name, mode_t mode);
  virtual Status make_node(const Subject& subject, const std::string& name, mode_t mode, dev_t device);
  virtual Status make_symlink(const Subject& subject, const std::string& name, const std::string& target);
  virtual Status link(const Subject& subject, const std::string& name, const NodePtr& target);
  virtual Status unlink(const Subject& subject, const std::string& name);
  virtual Status remove_directory(const Subject& subject, const std::string& name);
  virtual Status rename(const Subject& subject, const std::string& name, const NodePtr& new_parent, const std::string& new_name,
                        unsigned flags);  // RENAME_*
  // Entries from `offset` on until about `budget` bytes of linux_dirent64 are gathered; empty at the end.
  virtual Result<std::vector<DirectoryEntry>> read_directory(const Subject& subject, int64_t offset, size_t budget);
  // Whether the host says the same through a descriptor that is open for this directory.
  virtual bool is_listed_by_host() const { return false; }

  // --- content
  // A new open file description of this node: `flags` as open(2)'s, without O_CREAT, O_EXCL, O_NOFOLLOW. The fd is the
  // monitor's (always close-on-exec) and is handed to the guest by the caller. May block on a FIFO.
  virtual Result<Fd> open(const Subject& subject, int flags);
  virtual Result<Fd> open_temporary(const Subject& subject, int flags, mode_t mode);  // O_TMPFILE
  virtual Status truncate(const Subject& subject, int64_t length);

  // --- attributes
  virtual Status change_mode(const Subject& subject, mode_t mode);
  virtual Status change_owner(const Subject& subject, uid_t uid, gid_t gid);  // -1 leaves an id as it is
  // As utimensat(2): UTIME_NOW and UTIME_OMIT allowed.
  virtual Status change_times(const Subject& subject, const struct timespec times[2]);
  virtual Result<std::string> get_xattr(const Subject& subject, const std::string& name);
  virtual Status set_xattr(const Subject& subject, const std::string& name, const std::string& value, XattrFlags flags);
  virtual Status remove_xattr(const Subject& subject, const std::string& name);
  virtual Result<std::vector<std::string>> list_xattrs(const Subject& subject);

  // Whether its operations take on the subject's identity (scoped_identity.h): whoever asks for several may do so once for all.
  virtual bool acts_as_subject() const { return false; }

  // --- where it is
  // Its path from the root of its own file system ("/" for that root), as d_path shows it, " (deleted)" included. For host
  // files: the path on the host.
  virtual Result<std::string> path_in_file_system();

  // --- the host behind it
  // An O_PATH fd of the host file that holds this node, or -1 (synthetic nodes). Borrowed: lives as long as the node.
  virtual int host_fd() const { return -1; }
  // Asked of the root of a file system that hands out descriptors of host files as they are (synthetic ones do): the node of
  // such a file, by a descriptor of it and its path on the host. Null for a file that it does not show.
  virtual NodePtr find_handed_out(int fd, const std::string& host_path);
};

}  // namespace litebox::rootfs
