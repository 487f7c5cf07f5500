// What a node answers when its file system does not have an operation: the errno that the VFS gives for a missing
// inode_operations or file_operations entry (Linux fs/namei.c, fs/xattr.c, fs/read_write.c).
#include "rootfs/node.h"

#include <fcntl.h>
#include <unistd.h>

namespace litebox::rootfs {
namespace {

Error missing_in_directory(const Node& node, int number) { return Error(node.is_directory() ? number : ENOTDIR); }

}  // namespace

Result<struct statfs> Node::file_system_status() { return Error(ENOSYS); }

Result<std::string> Node::read_link(const Subject& /*subject*/) { return Error(EINVAL); }

Result<std::optional<Location>> Node::magic_target(const Subject& /*subject*/) { return std::optional<Location>(); }

Result<NodePtr> Node::lookup(const Subject& /*subject*/, const std::string& /*name*/) {
  return missing_in_directory(*this, ENOENT);
}

Result<NodePtr> Node::lookup_path(const Subject& /*subject*/, const std::string& /*path*/) { return Error(EXDEV); }

Result<NodePtr> Node::parent(const Subject& /*subject*/) { return missing_in_directory(*this, ENOENT); }

Result<NodePtr> Node::create(const Subject& /*subject*/, const std::string& /*name*/, mode_t /*mode*/) {
  return missing_in_directory(*this, EACCES);
}

Result<Fd> Node::create_open(const Subject& subject, const std::string& name, int flags, mode_t mode) {
  LITEBOX_ASSIGN(const NodePtr made, create(subject, name, mode));
  return made->open(subject, flags);
}

Status Node::make_directory(const Subject& /*subject*/, const std::string& /*name*/, mode_t /*mode*/) {
  return missing_in_directory(*this, EPERM);
}

Status Node::make_node(const Subject& /*subject*/, const std::string& /*name*/, mode_t /*mode*/, dev_t /*device*/) {
  return missing_in_directory(*this, EPERM);
}

Status Node::make_symlink(const Subject& /*subject*/, const std::string& /*name*/, const std::string& /*target*/) {
  return missing_in_directory(*this, EPERM);
}

Status Node::link(const Subject& /*subject*/, const std::string& /*name*/, const NodePtr& /*target*/) {
  return missing_in_directory(*this, EPERM);
}

Status Node::unlink(const Subject& /*subject*/, const std::string& /*name*/) { return missing_in_directory(*this, EPERM); }

// may_delete() comes before the file system is asked.
Status Node::remove_directory(const Subject& subject, const std::string& /*name*/) {
  if (is_directory()) LITEBOX_TRY(check_access(subject, W_OK | X_OK));
  return missing_in_directory(*this, EPERM);
}

Status Node::rename(const Subject& /*subject*/, const std::string& /*name*/, const NodePtr& /*new_parent*/,
                    const std::string& /*new_name*/, unsigned /*flags*/) {
  return missing_in_directory(*this, EPERM);
}

Result<std::vector<DirectoryEntry>> Node::read_directory(const Subject& /*subject*/, int64_t /*offset*/, size_t /*budget*/) {
  return Error(ENOTDIR);
}

Result<Fd> Node::open(const Subject& /*subject*/, int /*flags*/) { return Error(is_symlink() ? ELOOP : ENXIO); }

Result<Fd> Node::open_temporary(const Subject& /*subject*/, int /*flags*/, mode_t /*mode*/) {
  return missing_in_directory(*this, EOPNOTSUPP);
}

Status Node::truncate(const Subject& /*subject*/, int64_t /*length*/) { return Error(is_directory() ? EISDIR : EINVAL); }

Status Node::change_mode(const Subject& /*subject*/, mode_t /*mode*/) { return Error(EPERM); }

Status Node::change_owner(const Subject& /*subject*/, uid_t /*uid*/, gid_t /*gid*/) { return Error(EPERM); }

Status Node::change_times(const Subject& /*subject*/, const struct timespec /*times*/[2]) { return Error(EPERM); }

Result<std::string> Node::get_xattr(const Subject& /*subject*/, const std::string& /*name*/) { return Error(EOPNOTSUPP); }

Status Node::set_xattr(const Subject& /*subject*/, const std::string& /*name*/, const std::string& /*value*/,
                       XattrFlags /*flags*/) {
  return Error(EOPNOTSUPP);
}

Status Node::remove_xattr(const Subject& /*subject*/, const std::string& /*name*/) { return Error(EOPNOTSUPP); }

Result<std::vector<std::string>> Node::list_xattrs(const Subject& /*subject*/) { return std::vector<std::string>(); }

Result<std::string> Node::path_in_file_system() { return Error(ENOENT); }

NodePtr Node::find_handed_out(int /*fd*/, const std::string& /*host_path*/) { return nullptr; }

}  // namespace litebox::rootfs
