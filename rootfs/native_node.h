// A host file whose owner and mode are what the host says: the kernel checks permissions, under the guest's identity
// (ScopedIdentity). Needs a monitor with CAP_SETUID, CAP_SETGID, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID.
#pragma once

#include "rootfs/host_node.h"

namespace litebox::rootfs {

class NativeNode final : public HostNode {
 public:
  using HostNode::HostNode;

  bool acts_as_subject() const override { return file_system()->ids() == nullptr; }

  Result<struct statx> status(const Subject& subject) override;
  Status check_access(const Subject& subject, int mask) override;
  bool grants_set_id() const override;

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
  bool is_listed_by_host() const override { return true; }

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

 private:
  mode_t permissions_of_new(const Subject& subject, mode_t mode) const;
};

}  // namespace litebox::rootfs
