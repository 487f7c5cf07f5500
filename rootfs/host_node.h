// A file of the host in the container's tree: what both ownership modes have in common.
//
// The node is an O_PATH descriptor: the file that was found is the file that is used, whatever happens to its names.
#pragma once

#include <string>
#include <vector>

#include "rootfs/host_file.h"
#include "rootfs/host_file_system.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

class HostNode : public Node {
 public:
  // The node of an O_PATH descriptor, of the class that the file system's ownership mode asks for. EACCES for what may not
  // be shown (HostFileSystem::admit).
  static Result<NodePtr> make(const HostFileSystemPtr& file_system, Fd fd);
  static Result<NodePtr> make(const HostFileSystemPtr& file_system, Fd fd, const host::Identification& identification);

  HostNode(HostFileSystemPtr file_system, Fd fd, const host::Identification& identification, mode_t type);

  NodeKey key() const override { return identification_.key; }
  mode_t type() const override { return type_; }
  Result<struct statfs> file_system_status() override;
  Result<std::string> read_link(const Subject& subject) override;
  Result<std::string> path_in_file_system() override;
  int host_fd() const override { return fd_.get(); }

  const HostFileSystemPtr& file_system() const { return file_system_; }
  uint64_t mount_id() const { return identification_.mount_id; }
  // The host's type, which differs from type() for a recorded device node.
  mode_t host_type() const { return identification_.mode & S_IFMT; }

 protected:
  int fd() const { return fd_.get(); }
  Result<NodePtr> node_of(Result<Fd> fd) const;
  // The host node behind `node` if it is of the same file system, else EXDEV.
  Result<const HostNode*> same_file_system(const NodePtr& node) const;

 private:
  HostFileSystemPtr file_system_;
  Fd fd_;
  host::Identification identification_;
  mode_t type_;
};

// A guest's identity as the kernel is to see it where `node` is used: with the file's ids for the container's where they differ
// (id_maps.h), and without capabilities over a file of another's.
Identity identity_at(const Node& node, const Identity& identity);

enum class XattrUse { read, write };

// What an extended attribute's namespace asks of the guest, beyond the permissions of the file (fs/xattr.c, xattr_permission;
// security/commoncap.c, cap_inode_setxattr): the monitor's capabilities must not stand in for the guest's.
Status check_xattr_name(const Identity& identity, mode_t type, const std::string& name, XattrUse use);
// Whether listxattr(2) shows a name.
bool shows_xattr_name(const Identity& identity, const std::string& name);

// mknod(2) of a device, before anything else: CAP_MKNOD but for a whiteout, and the container's device policy. EPERM.
Status check_make_device(const Identity& identity, const HostFileSystem& file_system, mode_t mode, dev_t device);

// Opening a device node: the container's device policy (EPERM), and ENXIO for /dev/tty, which would be the monitor's terminal
// (the caller's own terminal is not a matter of the tree), and for the host's console.
Status check_open_device(const HostFileSystem& file_system, mode_t type, dev_t device, int flags);

}  // namespace litebox::rootfs
