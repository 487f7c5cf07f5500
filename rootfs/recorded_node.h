// A host file whose owner and mode are recorded beside it, for a monitor that runs as an ordinary user: litebox itself checks
// permissions, with the rules of access.h, and the host's kernel only those of the monitor's user.
//
// What an ordinary user cannot have on the host stays so: files of other host users are theirs, and device nodes are records;
// of those only null, zero, full, random and urandom can be opened. Set-id bits go when a file is opened for writing (Linux:
// when it is written).
#pragma once

#include "rootfs/host_node.h"
#include "rootfs/recorded_ownership.h"

namespace litebox::rootfs {

class RecordedNode final : public HostNode {
 public:
  static Result<NodePtr> make(const HostFileSystemPtr& file_system, Fd fd, const host::Identification& identification);
  using HostNode::HostNode;

  Result<struct statx> status(const Subject& subject) override;
  Status check_access(const Subject& subject, int mask) override;

  Result<NodePtr> lookup(const Subject& subject, const std::string& name) override;
  Result<NodePtr> lookup_path(const Subject& subject, const std::string& path) override;
  Result<NodePtr> parent(const Subject& subject) override;
  Result<NodePtr> create(const Subject& subject, const std::string& name, mode_t mode) override;
  Result<Fd> create_open(const Subject& subject, const std::string& name, int flags, mode_t mode) override;
  Status make_directory(const Subject& subject, const std::string& name, mode_t mode) override;
  Status make_node(const Subject& subject, const std::string& name, mode_t mode, dev_t device) override;
  Status make_symlink(const Subject& subject, const std::string& name, const std::string& target) override;
  Status link(const Subject& subject, const std::string& name, const NodePtr& target) override;
  Status unlink(const Subject& subject, const std::string& name) override;
  Status remove_directory(const Subject& subject, const std::string& name) override;
  Status rename(const Subject& subject, const std::string& name, const NodePtr& new_parent, const std::string& new_name,
                unsigned flags) override;
  Result<std::vector<DirectoryEntry>> read_directory(const Subject& subject, int64_t offset, size_t budget) override;
  bool is_listed_by_host() const override;

  Result<Fd> open(const Subject& subject, int flags) override;
  Result<Fd> open_temporary(const Subject& subject, int flags, mode_t mode) override;
  Status truncate(const Subject& subject, int64_t length) override;

  Status change_mode(const Subject& subject, mode_t mode) override;
  Status change_owner(const Subject& subject, uid_t uid, gid_t gid) override;
  Status change_times(const Subject& subject, const struct timespec times[2]) override;
  Result<std::string> get_xattr(const Subject& subject, const std::string& name) override;
  Status set_xattr(const Subject& subject, const std::string& name, const std::string& value, XattrFlags flags) override;
  Status remove_xattr(const Subject& subject, const std::string& name) override;
  Result<std::vector<std::string>> list_xattrs(const Subject& subject) override;

  // Gives what the subject has made on the host under `name`, in this directory, the ownership of a new file of type and
  // permissions `mode`.
  Status own_made(const Subject& subject, const std::string& name, mode_t mode);

 private:
  Result<RecordedOwnership> ownership() const;
  Status may_use(const Subject& subject, int mask) const;
  unsigned char recorded_type(const std::string& name) const;
  bool has_hidden_names() const;
  Status may_change_xattr(const Subject& subject, const std::string& name) const;
  // Opens the host's device of the same number in the place of a recorded one.
  Result<Fd> open_device(int flags) const;
  // What a write takes away: of the mode (access.h, after_write), and file capabilities.
  Status drop_privileges(const Subject& subject) const;
  void drop_file_capabilities() const;

  // --- recorded_acl.cc
  bool in_attributes() const;
  Result<std::string> get_acl(const std::string& name) const;
  // A value without entries removes the ACL.
  Status set_acl(const Subject& subject, const std::string& name, const std::string& value) const;
  // The names of the file's ACLs; `host_names`: of the attributes that it has on the host.
  std::vector<std::string> acl_names(const std::vector<std::string>& host_names) const;

  // --- recorded_directory.cc
  bool hides(const std::string& name) const;
  bool exists(const std::string& name) const;
  // Permission to look into this directory, to add the entry `name`, to remove it: the errno of the call that asks.
  Status may_search(const Subject& subject) const;
  Status may_create(const Subject& subject, const std::string& name) const;
  Status may_remove(const Subject& subject, const std::string& name) const;
  Status may_rename(const Subject& subject, const std::string& name, const RecordedNode& target, const std::string& new_name,
                    unsigned flags) const;
  Status impossible_rename(const std::string& name, const RecordedNode& target, const std::string& new_name,
                           unsigned flags) const;
  Result<RecordedOwnership> ownership_of_new(const Subject& subject, mode_t mode_with_type) const;
  // Makes a regular file with the ownership `wanted`, opened with `flags`.
  Result<Fd> create_file(const std::string& name, int flags, const RecordedOwnership& wanted);
  // Gives what has just been made under `name` its ownership, or removes it again.
  Status own_entry(const std::string& name, const RecordedOwnership& wanted);
  Status own(int fd, const RecordedOwnership& wanted) const;
};

}  // namespace litebox::rootfs
