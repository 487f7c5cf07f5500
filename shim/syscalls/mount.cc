// mount, umount2 (fs/namespace.c path_mount, path_umount).
//
// A container has one table of mounts, for all its processes: there are no mount namespaces inside. What a guest with
// CAP_SYS_ADMIN may mount is what it could in a user namespace of its own: tmpfs, bind mounts of what the container has, and
// proc, sysfs, devpts, mqueue and cgroup file systems, which are the container's. Any other type is EPERM if the host's kernel
// has it, ENODEV if not. What config.json makes read-only, nosuid, nodev or noexec stays so. Propagation is accepted: nobody
// shares the tree.
//
// A mount is busy while a process has its root, working directory or program on it, or another mount is; files that are open on
// it do not keep it, and a descriptor of a directory on one that is gone is a root of its own.
//
// The flags of a guest's mounts are enforced where files are named and opened; a descriptor that is already open is not
// affected by a later remount, and MS_NOEXEC does not keep a file on one from being mapped executable.
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/mount.h>

#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rootfs/file_system_maker.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/mount_flags.h"
#include "shim/syscalls/native_paths.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr unsigned long kMagicMask = 0xffff0000UL;  // MS_MGC_MSK: what programs from before Linux 2.4 put there
constexpr unsigned long kMagic = 0xc0ed0000UL;
constexpr unsigned long kPropagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
constexpr unsigned kUnmountFlags = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;
// Each holds descriptors of the monitor's.
constexpr size_t kMostMounts = 4096;

using MountAtPath = std::pair<std::string, rootfs::MountPtr>;

bool is_mount_root(const rootfs::Location& location) { return location.mount->root->key() == location.node->key(); }

// A string argument that may be absent (copy_mount_string).
Result<std::string> optional_string(const Call& call, int index) {
  if (call.address(index).null()) return std::string();
  Result<std::string> text = call.memory.read_string(call.address(index), PATH_MAX);
  if (!text.ok() && text.error().number() == ENAMETOOLONG) return Error(EINVAL);
  return text;
}

// mount(2)'s data: a page, or what there is up to the end of the mapping (copy_mount_options).
Result<std::string> data_argument(const Call& call) {
  if (call.address(4).null()) return std::string();
  Result<std::string> text = call.memory.read_string(call.address(4), PATH_MAX);
  if (!text.ok() && text.error().number() == ENAMETOOLONG) return Error(EINVAL);
  return text;
}

// The mounts below `source`, with their paths as seen from there, outermost first.
std::vector<MountAtPath> mounts_below(const Call& call, const rootfs::Location& source) {
  std::vector<MountAtPath> found;
  rootfs::Tree& tree = call.world.tree();
  for (const rootfs::MountPtr& mount : tree.mounts()) {
    const auto place = mount->place();
    if (!place || mount == source.mount) continue;
    const auto path = tree.path_of(call.subject(), source, place->mountpoint);
    if (path.ok() && path->starts_with('/') && *path != "/") found.emplace_back(*path, mount);
  }
  return found;
}

// A second mount of what `like` shows, at `root` of it.
Result<rootfs::MountPtr> attach(rootfs::Tree& tree, const rootfs::Location& at, const rootfs::NodePtr& root,
                                const rootfs::Mount& like) {
  if (tree.mounts().size() >= kMostMounts) return Error(ENOSPC);
  std::string root_path = like.root_path;
  const auto whole = like.root->path_in_file_system();
  const auto part = root->path_in_file_system();
  if (whole.ok() && part.ok() && *whole != *part && part->starts_with(*whole)) {
    const std::string below = part->substr(*whole == "/" ? 0 : whole->size());
    root_path = root_path == "/" ? below : root_path + below;
  }
  LITEBOX_ASSIGN(rootfs::MountPtr made, tree.mount(at, root, like.flags, like.type, like.source, root_path, like.options));
  made->locked = like.locked;
  made->of_guest = like.of_guest;
  return made;
}

Status bind_mount(const Call& call, const std::string& source_path, const rootfs::Location& target, bool recursive) {
  if (source_path.empty()) return Error(EINVAL);
  LITEBOX_ASSIGN(const rootfs::Location source, locate_at(call, AT_FDCWD, source_path, 0));
  rootfs::Tree& tree = call.world.tree();
  const auto below = recursive ? mounts_below(call, source) : std::vector<MountAtPath>();
  LITEBOX_ASSIGN(const rootfs::MountPtr top, attach(tree, target, source.node, *source.mount));
  const rootfs::Location root = {top, top->root};
  for (const auto& [path, mount] : below) {
    LITEBOX_ASSIGN(const rootfs::Resolved place, tree.resolve(call.subject(), root, root, path));
    LITEBOX_ASSIGN(const rootfs::MountPtr copy, attach(tree, place.target, mount->root, *mount));
  }
  return {};
}

// do_remount() with MS_BIND, of the mount alone; without, of a guest's own file system.
Status remount(const Call& call, const rootfs::Location& target, unsigned long flags) {
  if (!is_mount_root(target)) return Error(EINVAL);
  if ((flags & MS_BIND) == 0 && !target.mount->of_guest) return Error(EPERM);
  LITEBOX_ASSIGN(const rootfs::MountFlags wanted, remount_flags(*target.mount, flags));
  call.world.tree().remount(target.mount, wanted);
  return {};
}

Status move_mount(const Call& call, const std::string& source_path, const rootfs::Location& target) {
  if (source_path.empty()) return Error(EINVAL);
  LITEBOX_ASSIGN(const rootfs::Location source, locate_at(call, AT_FDCWD, source_path, 0));
  if (!is_mount_root(source)) return Error(EINVAL);
  const auto place = source.mount->place();
  const rootfs::Location former = place ? place->mountpoint : source;
  LITEBOX_TRY(call.world.tree().move(source.mount, target));
  forget_native_mount(call, former);
  return {};
}

// Whether the host's kernel has a file system of this type (/proc/filesystems).
bool kernel_has(const std::string& type) {
  std::ifstream list("/proc/filesystems");
  for (std::string line; std::getline(list, line);) {
    if (line.substr(line.find('\t') + 1) == type) return true;
  }
  return false;
}

bool has_option(const rootfs::MountOptions& options, const char* name) {
  for (const auto& [key, value] : options.data) {
    if (key == name) return true;
  }
  return false;
}

// do_new_mount()
Status new_mount(const Call& call, const std::string& type, const std::string& source, const rootfs::Location& target,
                 unsigned long flags, const std::string& data) {
  const rootfs::FileSystemMaker* maker = call.world.tree().maker();
  if (maker == nullptr) return Error(EPERM);
  rootfs::Tree& tree = call.world.tree();
  if (tree.mounts().size() >= kMostMounts) return Error(ENOSPC);
  rootfs::MountOptions options = mount_options(flags, data);
  std::string shown = super_options(options);
  rootfs::NodePtr root;
  if (type == "tmpfs") {
    // shmem_init_fs_context()
    if (!has_option(options, "mode")) options.data.emplace_back("mode", "1777");
    if (!has_option(options, "uid")) options.data.emplace_back("uid", std::to_string(call.credentials().fsuid));
    if (!has_option(options, "gid")) options.data.emplace_back("gid", std::to_string(call.credentials().fsgid));
    LITEBOX_ASSIGN(root, maker->make_tmpfs(options));
  } else {
    LITEBOX_ASSIGN(root, maker->make_synthetic(type, options));
    shown.replace(0, 2, "rw");  // only the mount is read-only: others show the same file system
  }
  if (root == nullptr) return Error(kernel_has(type) ? EPERM : ENODEV);
  LITEBOX_ASSIGN(const rootfs::MountPtr mounted,
                 tree.mount(target, std::move(root), options.flags, type, source.empty() ? "none" : source, "/", shown));
  mounted->of_guest = true;
  return {};
}

// The mount and every mount on it, innermost first.
void collect(const std::vector<rootfs::MountPtr>& all, const rootfs::MountPtr& mount, std::vector<rootfs::MountPtr>& found) {
  for (const rootfs::MountPtr& other : all) {
    if (other->parent() == mount) collect(all, other, found);
  }
  found.push_back(mount);
}

// Whether a process has its root, its working directory or its program there.
bool is_in_use(const Call& call, const rootfs::MountPtr& mount) {
  for (const HostPid member : call.world.members()) {
    const auto state = call.world.state_of(member);
    if (!state.ok()) continue;
    const kernel::ProcessState& of = **state;
    if (of.root.mount == mount || of.cwd.mount == mount || of.executable.mount == mount) return true;
  }
  return false;
}

// MNT_EXPIRE: true when the mount was not marked before.
bool mark_expiring(const rootfs::Mount& mount) {
  static std::mutex mutex;
  static std::set<int> marked;  // by the mount's id, which no other ever gets
  const std::scoped_lock lock(mutex);
  return marked.insert(mount.id).second;
}

// What is mounted at `place` is no longer what the kernel shows there.
Reply changed(const Call& call, const rootfs::Location& place, const Status& done) {
  if (done.ok()) forget_native_mount(call, place);
  return Reply::from(done);
}

}  // namespace

Reply sys_mount(Call& call) {
  LITEBOX_OR_REPLY(const std::string type, optional_string(call, 2));
  LITEBOX_OR_REPLY(const std::string source, optional_string(call, 0));
  LITEBOX_OR_REPLY(const std::string data, data_argument(call));
  LITEBOX_OR_REPLY(const std::string path, call.path(1));
  LITEBOX_OR_REPLY(const rootfs::Location target, locate_at(call, AT_FDCWD, path, 0));
  if (!call.credentials().has(CAP_SYS_ADMIN)) return Reply::error(EPERM);
  unsigned long flags = call.raw(3);
  if ((flags & kMagicMask) == kMagic) flags &= ~kMagicMask;
  if ((flags & MS_REMOUNT) != 0) return changed(call, target, remount(call, target, flags));
  if ((flags & MS_BIND) != 0) return changed(call, target, bind_mount(call, source, target, (flags & MS_REC) != 0));
  if ((flags & kPropagation) != 0) return is_mount_root(target) ? Reply::success() : Reply::error(EINVAL);
  if ((flags & MS_MOVE) != 0) return changed(call, target, move_mount(call, source, target));
  if (call.address(2).null()) return Reply::error(EINVAL);
  return changed(call, target, new_mount(call, type, source, target, flags, data));
}

Reply sys_umount2(Call& call) {
  const unsigned flags = call.flags(1);
  if ((flags & ~kUnmountFlags) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(rootfs::Location target,
                   locate_at(call, AT_FDCWD, path, (flags & UMOUNT_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0));
  rootfs::Tree& tree = call.world.tree();
  target = tree.cross_mounts(std::move(target));  // LOOKUP_MOUNTPOINT: "." too leads to what is mounted on it
  if (!call.credentials().has(CAP_SYS_ADMIN)) return Reply::error(EPERM);
  if (!is_mount_root(target)) return Reply::error(EINVAL);
  const rootfs::MountPtr& mount = target.mount;
  if ((flags & MNT_EXPIRE) != 0) {
    if (mount->parent() == nullptr || (flags & (MNT_FORCE | MNT_DETACH)) != 0) return Reply::error(EINVAL);
    if (is_in_use(call, mount)) return Reply::error(EBUSY);
    if (mark_expiring(*mount)) return Reply::error(EAGAIN);
  }
  if (mount->parent() == nullptr) return Reply::error(EBUSY);
  const rootfs::Location former = mount->place()->mountpoint;
  if ((flags & MNT_DETACH) == 0) {
    return is_in_use(call, mount) ? Reply::error(EBUSY) : changed(call, former, tree.unmount(mount));
  }
  std::vector<rootfs::MountPtr> mounts;
  collect(tree.mounts(), mount, mounts);
  for (const rootfs::MountPtr& each : mounts) LITEBOX_CHECK_REPLY(tree.unmount(each));
  return changed(call, former, {});
}

}  // namespace litebox::syscalls
