// mount, umount2 (fs/namespace.c path_mount, path_umount), as far as a tree needs no file system of its own: bind mounts of
// what the container has, taking mounts away, and propagation, which has no meaning where nobody shares the tree.
//
// A new file system is ENODEV, as one that the kernel does not know: litebox makes them from config.json only. Changing a
// mount's flags is EPERM, as on a locked mount.
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/mount.h>

#include <string>
#include <utility>
#include <vector>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr unsigned long kMagicMask = 0xffff0000UL;  // MS_MGC_MSK: what programs from before Linux 2.4 put there
constexpr unsigned long kMagic = 0xc0ed0000UL;
constexpr unsigned long kPropagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
constexpr unsigned kUnmountFlags = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;

bool is_mount_root(const rootfs::Location& location) { return location.mount->root->key() == location.node->key(); }

// A string argument that may be absent (copy_mount_string).
Result<std::string> optional_string(const Call& call, int index) {
  if (call.address(index).null()) return std::string();
  Result<std::string> text = call.memory.read_string(call.address(index), PATH_MAX);
  if (!text.ok() && text.error().number() == ENAMETOOLONG) return Error(EINVAL);
  return text;
}

// The mounts below `source`, with their paths as seen from there, outermost first.
std::vector<std::pair<std::string, rootfs::MountPtr>> mounts_below(const Call& call, const rootfs::Location& source) {
  std::vector<std::pair<std::string, rootfs::MountPtr>> found;
  rootfs::Tree& tree = call.world.tree();
  for (const rootfs::MountPtr& mount : tree.mounts()) {
    if (mount->parent == nullptr || mount == source.mount) continue;
    const auto path = tree.path_of(call.subject(), source, mount->mountpoint);
    if (path.ok() && path->starts_with('/') && *path != "/") found.emplace_back(*path, mount);
  }
  return found;
}

Result<rootfs::MountPtr> attach(rootfs::Tree& tree, const rootfs::Location& at, const rootfs::NodePtr& root,
                                const rootfs::Mount& like) {
  return tree.mount(at, root, like.flags, like.type, like.source, like.root_path, like.options);
}

Status bind_mount(const Call& call, const std::string& source_path, const rootfs::Location& target, bool recursive) {
  if (source_path.empty()) return Error(EINVAL);
  LITEBOX_ASSIGN(const rootfs::Location source, locate_at(call, AT_FDCWD, source_path, 0));
  rootfs::Tree& tree = call.world.tree();
  const auto below = recursive ? mounts_below(call, source) : std::vector<std::pair<std::string, rootfs::MountPtr>>();
  LITEBOX_ASSIGN(const rootfs::MountPtr top, attach(tree, target, source.node, *source.mount));
  const rootfs::Location root = {top, top->root};
  for (const auto& [path, mount] : below) {
    LITEBOX_ASSIGN(const rootfs::Resolved place, tree.resolve(call.subject(), root, root, path));
    LITEBOX_ASSIGN(const rootfs::MountPtr copy, attach(tree, place.target, mount->root, *mount));
  }
  return {};
}

// The mount and every mount on it, innermost first.
void collect(const std::vector<rootfs::MountPtr>& all, const rootfs::MountPtr& mount, std::vector<rootfs::MountPtr>& found) {
  for (const rootfs::MountPtr& other : all) {
    if (other->parent == mount) collect(all, other, found);
  }
  found.push_back(mount);
}

}  // namespace

Reply sys_mount(Call& call) {
  LITEBOX_OR_REPLY(const std::string type, optional_string(call, 2));
  LITEBOX_OR_REPLY(const std::string source, optional_string(call, 0));
  LITEBOX_OR_REPLY(const std::string path, call.path(1));
  LITEBOX_OR_REPLY(const rootfs::Location target, locate_at(call, AT_FDCWD, path, 0));
  if (!call.credentials().has(CAP_SYS_ADMIN)) return Reply::error(EPERM);
  unsigned long flags = call.raw(3);
  if ((flags & kMagicMask) == kMagic) flags &= ~kMagicMask;
  if ((flags & MS_REMOUNT) != 0) return Reply::error(is_mount_root(target) ? EPERM : EINVAL);
  if ((flags & MS_BIND) != 0) return Reply::from(bind_mount(call, source, target, (flags & MS_REC) != 0));
  if ((flags & kPropagation) != 0) return is_mount_root(target) ? Reply::success() : Reply::error(EINVAL);
  if ((flags & MS_MOVE) != 0) return Reply::error(EINVAL);
  return Reply::error(type.empty() ? EINVAL : ENODEV);
}

Reply sys_umount2(Call& call) {
  const unsigned flags = call.flags(1);
  if ((flags & ~kUnmountFlags) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(const rootfs::Location target,
                   locate_at(call, AT_FDCWD, path, (flags & UMOUNT_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0));
  if (!call.credentials().has(CAP_SYS_ADMIN)) return Reply::error(EPERM);
  if (!is_mount_root(target)) return Reply::error(EINVAL);
  if ((flags & MNT_EXPIRE) != 0) return Reply::error((flags & (MNT_FORCE | MNT_DETACH)) != 0 ? EINVAL : EBUSY);
  if (target.mount->parent == nullptr) return Reply::error(EBUSY);
  rootfs::Tree& tree = call.world.tree();
  if ((flags & MNT_DETACH) == 0) return Reply::from(tree.unmount(target.mount));
  std::vector<rootfs::MountPtr> mounts;
  collect(tree.mounts(), target.mount, mounts);
  for (const rootfs::MountPtr& mount : mounts) LITEBOX_CHECK_REPLY(tree.unmount(mount));
  return Reply::success();
}

}  // namespace litebox::syscalls
