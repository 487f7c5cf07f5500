#include "rootfs/native_tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "rootfs/host_mount.h"
#include "rootfs/host_node.h"

namespace litebox::rootfs {
namespace {

// A second mount of what `fd` shows: of that mount alone.
Result<Fd> clone(int fd) {
  Fd made(static_cast<int>(::syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)));
  if (!made) return last_error("open_tree");
  return made;
}

Status move_onto(int mount, int place) {
  constexpr unsigned kFlags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (::syscall(SYS_move_mount, mount, "", place, "", kFlags) != 0) return last_error("move_mount");
  return {};
}

// What the mount is in the container; and in any case no devices, whose use is the monitor's to allow, no privileges by
// programs, and no mounts that the host makes later.
Status set_flags(int mount, const MountFlags& flags) {
  struct mount_attr wanted {};
  wanted.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
  wanted.propagation = MS_PRIVATE;
  if (flags.read_only) wanted.attr_set |= MOUNT_ATTR_RDONLY;
  if (flags.no_exec) wanted.attr_set |= MOUNT_ATTR_NOEXEC;
  if (flags.no_symlink_follow) wanted.attr_set |= MOUNT_ATTR_NOSYMFOLLOW;
  if (flags.no_atime) {
    wanted.attr_set |= MOUNT_ATTR_NOATIME;
    wanted.attr_clr |= MOUNT_ATTR__ATIME;
  }
  if (::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &wanted, sizeof wanted) != 0) return last_error("mount_setattr");
  return {};
}

// Of the host's file systems those whose files are about processes or the machine, whoever has mounted them where.
bool is_about_host(int fd) {
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) return true;
  const auto type = static_cast<unsigned long>(status.f_type);
  return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC || type == CGROUP_SUPER_MAGIC || type == CGROUP2_SUPER_MAGIC ||
         type == DEVPTS_SUPER_MAGIC;
}

// Not where the host has mounts below the root: a clone of its mount alone does not show them.
bool is_shown_natively(const Mount& mount) {
  const auto* root = dynamic_cast<const HostNode*>(mount.root.get());
  if (root == nullptr || !root->file_system()->private_mount() || root->file_system()->ids() != nullptr) return false;
  return !root->file_system()->shows_submounts() && !is_about_host(root->host_fd());
}

}  // namespace

Result<std::unique_ptr<NativeTree>> NativeTree::build(Tree& tree) {
  std::unique_ptr<NativeTree> made(new NativeTree);
  const std::vector<MountPtr> mounts = tree.mounts();
  const MountPtr& top = mounts.front();
  if (!is_shown_natively(*top)) return Error(ENOTSUP, "the root file system has mounts of the host's on it");
  LITEBOX_ASSIGN(made->root_, clone(top->root->host_fd()));
  LITEBOX_TRY(set_flags(made->root_.get(), top->flags));
  LITEBOX_TRY(made->make_blockers());
  LITEBOX_ASSIGN(const host::Identification root, host::identify(made->root_.get()));
  made->shown_.push_back({root.mount_id, top, "/"});
  LITEBOX_ASSIGN(Fd readable, host::reopen(made->root_.get(), O_PATH));
  made->readable_.push_back(std::move(readable));
  for (size_t i = 1; i < mounts.size(); ++i) {
    Status attached = made->attach(tree, mounts[i]);
    if (!attached.ok()) return std::move(attached).error();
  }
  return made;
}

Status NativeTree::make_blockers() {
  MountOptions options;
  options.data = {{"mode", "0700"}, {"size", "16k"}};
  LITEBOX_ASSIGN(HostMount blockers, make_tmpfs(options, "", true));
  blockers_ = std::move(blockers.root);  // the mount lasts as long as this
  const int top = blockers_.get();
  if (::mkdirat(top, "directory", 0) != 0) return last_error("a blocker");
  if (!Fd(::openat(top, "file", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0))) return last_error("a blocker");
  blocking_directory_.reset(::openat(top, "directory", O_PATH | O_CLOEXEC));
  blocking_file_.reset(::openat(top, "file", O_PATH | O_CLOEXEC));
  if (!blocking_directory_ || !blocking_file_) return last_error("a blocker");
  return {};
}

Result<Fd> NativeTree::place(const std::string& path) const {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  Fd found(static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
  if (!found) return last_error();
  return found;
}

Status NativeTree::attach_blocker(int place, bool directory) const {
  LITEBOX_ASSIGN(const Fd blocker, clone(directory ? blocking_directory_.get() : blocking_file_.get()));
  return move_onto(blocker.get(), place);
}

Status NativeTree::attach(Tree& tree, const MountPtr& mount) {
  LITEBOX_ASSIGN(const std::string path, tree.path_of(runtime_subject(), tree.root(), {mount, mount->root}));
  const auto covered = place(path);
  if (!covered.ok()) return {};  // behind a blocker
  if (!is_shown_natively(*mount)) return attach_blocker(covered->get(), mount->root->is_directory());
  LITEBOX_ASSIGN(Fd shown, clone(mount->root->host_fd()));
  LITEBOX_TRY(set_flags(shown.get(), mount->flags));
  LITEBOX_TRY(move_onto(shown.get(), covered->get()));
  LITEBOX_ASSIGN(const host::Identification root, host::identify(shown.get()));
  shown_.push_back({root.mount_id, mount, path});
  readable_.push_back(std::move(shown));
  return {};
}

Result<Fd> NativeTree::open_directory(const std::string& path) const {
  LITEBOX_ASSIGN(const Fd found, place(path));
  return host::reopen(found.get(), O_RDONLY | O_DIRECTORY);
}

bool NativeTree::shows(const std::string& path, uint64_t inode) const {
  const auto found = place(path);
  const auto file = found.ok() ? host::identify(found->get()) : Result<host::Identification>(Error(ENOENT));
  return file.ok() && file->key.inode == inode && find(file->mount_id) != nullptr;
}

Status NativeTree::block(const std::string& path) {
  const auto covered = place(path);
  if (!covered.ok()) return covered.error().number() == ENOENT ? Status() : Status(covered.error());
  struct stat status {};
  if (::fstat(covered->get(), &status) != 0) return last_error();
  if ((status.st_mode & 07777U) == 0) return {};
  return attach_blocker(covered->get(), S_ISDIR(status.st_mode));
}

const NativeTree::Shown* NativeTree::find(uint64_t mount_id) const {
  const auto found = std::find_if(shown_.begin(), shown_.end(), [&](const Shown& each) { return each.mount_id == mount_id; });
  return found == shown_.end() ? nullptr : &*found;
}

}  // namespace litebox::rootfs
