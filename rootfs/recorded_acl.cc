// POSIX ACLs of a RecordedNode: what acl(5) has in place of attributes that can be read and written at will.
#include <algorithm>

#include "rootfs/override_record.h"
#include "rootfs/recorded_node.h"

namespace litebox::rootfs {

// Where the host's file cannot carry attributes, its ACLs are in the journal of records (override_store.h).
bool RecordedNode::in_attributes() const { return S_ISREG(host_type()) || S_ISDIR(host_type()); }

// vfs_get_acl(): who may look up the file may read its ACLs.
Result<std::string> RecordedNode::get_acl(const std::string& name) const {
  if (is_symlink()) return Error(EOPNOTSUPP);
  // ls(1) asks for every file's, and most have none: one call of the host's says so.
  if (in_attributes()) {
    const auto kept = host::get_xattr(fd(), kept_name(name).c_str());
    if (!kept.ok() && kept.error().number() == ENODATA) return Error(ENODATA);
  }
  LITEBOX_ASSIGN(const RecordedOwnership owner, ownership());
  const PosixAclPtr& acl = name == kAccessAcl ? owner.file.acl : owner.default_acl;
  if (acl == nullptr) return Error(ENODATA);
  return acl->format();
}

// do_set_acl() and set_posix_acl(), in their order; flags do not matter.
Status RecordedNode::set_acl(const Subject& subject, const std::string& name, const std::string& value) const {
  LITEBOX_ASSIGN(const PosixAclPtr acl, PosixAcl::parse(value));
  if (is_symlink()) return Error(EOPNOTSUPP);
  const bool is_default = name == kDefaultAcl;
  if (is_default && !is_directory()) return acl != nullptr ? Status(Error(EACCES)) : Status();
  LITEBOX_ASSIGN(const struct statx status, host::status(fd()));
  const RecordedOwnership before = read_ownership(*file_system(), fd(), status);
  if (!owns(*subject.identity, before.file)) return Error(EPERM);
  if (acl != nullptr && !acl->is_valid()) return Error(EINVAL);
  RecordedOwnership owner = before;
  if (is_default) {
    owner.default_acl = acl;
  } else {
    LITEBOX_ASSIGN(owner.file, after_set_acl(*subject.identity, before.file, acl));
  }
  return write_ownership(*file_system(), fd(), status, owner, before);
}

std::vector<std::string> RecordedNode::acl_names(const std::vector<std::string>& host_names) const {
  const auto is_on_host = [&](const char* name) {
    return std::find(host_names.begin(), host_names.end(), kept_name(name)) != host_names.end();
  };
  if (is_symlink()) return {};
  if (in_attributes() && !is_on_host(kAccessAcl) && !is_on_host(kDefaultAcl)) return {};
  const auto owner = ownership();
  std::vector<std::string> names;
  if (owner.ok() && owner->file.acl != nullptr) names.emplace_back(kAccessAcl);
  if (owner.ok() && owner->default_acl != nullptr) names.emplace_back(kDefaultAcl);
  return names;
}

}  // namespace litebox::rootfs
