#include "rootfs/tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "rootfs/host_node.h"
#include "rootfs/mount_table.h"
#include "rootfs/native_tree.h"
#include "rootfs/tree_path.h"

namespace litebox::rootfs {
namespace {

bool is_special(const Node& node) { return !S_ISREG(node.type()) && !S_ISDIR(node.type()) && !S_ISLNK(node.type()); }

bool shows_whole_mount(Node& root) {
  const auto* host = dynamic_cast<const HostNode*>(&root);
  if (host == nullptr || !host->file_system()->private_mount()) return false;
  const auto path = root.path_in_file_system();
  return path.ok() && *path == "/";
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// What is on top at a place: of a file, by the one of its names that has led there.
Result<Location> topmost(const MountTable& table, const Location& place) {
  if (place.node->is_directory() || same_place(place, {place.mount, place.mount->root})) return table.cross(place);
  LITEBOX_ASSIGN(const std::string path, place.node->path_in_file_system());
  return table.cross(place, last_name(path));
}

}  // namespace

Tree::Tree(Location root) {
  root.mount->id = next_id_++;
  root.mount->root = root.node;
  root.mount->whole = shows_whole_mount(*root.node);
  table_ = std::make_shared<const MountTable>(std::vector<MountPtr>{std::move(root.mount)});
}

Tree::~Tree() = default;

std::shared_ptr<const MountTable> Tree::table() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return table_;
}

void Tree::set_native(std::unique_ptr<NativeTree> native) { native_ = std::move(native); }

void Tree::set_registry(std::shared_ptr<DescriptorRegistry> registry) { registry_ = std::move(registry); }

Location Tree::root() const {
  const auto mounts = table();
  return mounts->cross({mounts->root(), mounts->root()->root});
}

Location Tree::cross_mounts(Location location) const { return table()->cross(std::move(location)); }

std::vector<MountPtr> Tree::mounts() const { return table()->mounts(); }

bool Tree::is_mountpoint(const Node& node) const { return table()->covers(node.key()); }

Result<std::shared_ptr<const Mount::Place>> Tree::place_at(const Location& covered) {
  auto place = std::make_shared<Mount::Place>();
  place->parent = covered.mount;
  place->mountpoint = covered;
  if (!same_place(covered, {covered.mount, covered.mount->root})) {
    LITEBOX_ASSIGN(const std::string path, covered.node->path_in_file_system());
    place->name = last_name(path);
  }
  return std::shared_ptr<const Mount::Place>(std::move(place));
}

Result<MountPtr> Tree::mount(const Location& mountpoint, NodePtr root, MountFlags flags, std::string type, std::string source,
                             std::string root_path, std::string options) {
  if (root->is_directory() != mountpoint.node->is_directory()) return Error(ENOTDIR);
  const std::lock_guard<std::mutex> guard(mutex_);
  LITEBOX_ASSIGN(const Location covered, topmost(*table_, mountpoint));
  LITEBOX_ASSIGN(auto place, place_at(covered));
  auto mount = std::make_shared<Mount>();
  mount->id = next_id_++;
  mount->place_ = std::move(place);
  mount->whole = shows_whole_mount(*root);
  mount->root = std::move(root);
  mount->flags = std::move(flags);
  mount->type = std::move(type);
  mount->source = std::move(source);
  mount->root_path = std::move(root_path);
  mount->options = std::move(options);
  std::vector<MountPtr> mounts = table_->mounts();
  mounts.push_back(mount);
  table_ = std::make_shared<const MountTable>(std::move(mounts));
  return mount;
}

Status Tree::unmount(const MountPtr& mount) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::vector<MountPtr> mounts = table_->mounts();
  const auto found = std::find(mounts.begin(), mounts.end(), mount);
  if (found == mounts.end() || !mount->place()) return Error(EINVAL);
  const bool busy = std::any_of(mounts.begin(), mounts.end(), [&](const MountPtr& other) { return other->parent() == mount; });
  if (busy) return Error(EBUSY);
  mounts.erase(found);
  mount->place_ = std::shared_ptr<const Mount::Place>();
  table_ = std::make_shared<const MountTable>(std::move(mounts));
  return {};
}

// do_move_mount()
Status Tree::move(const MountPtr& mount, const Location& mountpoint) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const std::vector<MountPtr>& mounts = table_->mounts();
  if (std::find(mounts.begin(), mounts.end(), mount) == mounts.end() || !mount->place()) return Error(EINVAL);
  if (mount->root->is_directory() != mountpoint.node->is_directory()) return Error(EINVAL);
  LITEBOX_ASSIGN(const Location covered, topmost(*table_, mountpoint));
  for (MountPtr above = covered.mount; above; above = above->parent()) {
    if (above == mount) return Error(ELOOP);
  }
  LITEBOX_ASSIGN(auto place, place_at(covered));
  mount->place_ = std::move(place);
  table_ = std::make_shared<const MountTable>(mounts);
  return {};
}

Status Tree::pivot(const MountPtr& mount, const Location& old_root) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::vector<MountPtr> mounts = table_->mounts();
  const MountPtr former = mounts.front();
  const auto found = std::find(mounts.begin(), mounts.end(), mount);
  if (found == mounts.end() || mount == former) return Error(EINVAL);
  LITEBOX_ASSIGN(auto place, place_at(table_->cross(old_root)));
  mounts.erase(found);
  mounts.insert(mounts.begin(), mount);
  mount->place_ = std::shared_ptr<const Mount::Place>();
  former->place_ = std::move(place);
  table_ = std::make_shared<const MountTable>(std::move(mounts));
  return {};
}

void Tree::remount(const MountPtr& mount, MountFlags flags) {
  const std::lock_guard<std::mutex> guard(mutex_);
  mount->flags = std::move(flags);
}

Status Tree::want_write(const Location& location) { return location.mount->flags.read_only ? Status(Error(EROFS)) : Status(); }

Status Tree::may_execute(const Location& location) { return location.mount->flags.no_exec ? Status(Error(EACCES)) : Status(); }

Status Tree::check_access(const Subject& subject, const Location& location, int mask) {
  const MountFlags& flags = location.mount->flags;
  if ((mask & X_OK) != 0 && S_ISREG(location.node->type()) && flags.no_exec) return Error(EACCES);
  LITEBOX_TRY(location.node->check_access(subject, mask));
  if ((mask & W_OK) != 0 && flags.read_only && !is_special(*location.node)) return Error(EROFS);
  return {};
}

Result<Fd> Tree::open(const Subject& subject, const Location& location, int flags) {
  Node& node = *location.node;
  if ((flags & O_PATH) != 0) return node.open(subject, flags);
  if (node.is_symlink()) return Error(ELOOP);
  const MountFlags& mount = location.mount->flags;
  const bool device = S_ISCHR(node.type()) || S_ISBLK(node.type());
  if (device && mount.no_dev) return Error(EACCES);
  const int access = flags & O_ACCMODE;
  if (S_ISREG(node.type()) && mount.read_only && (access != O_RDONLY || (flags & O_TRUNC) != 0)) {
    if ((flags & O_TRUNC) == 0) {
      LITEBOX_TRY(node.check_access(subject, (access != O_WRONLY ? R_OK : 0) | W_OK));
    }
    return Error((flags & O_DIRECTORY) != 0 ? ENOTDIR : EROFS);
  }
  return node.open(subject, flags);
}

Result<std::string> Tree::path_of(const Subject& /*subject*/, const Location& task_root, const Location& location) {
  if (const auto path = path_below(task_root, location)) return path->empty() ? std::string("/") : *path;
  if (const auto path = path_below({}, location); path && location.mount->id != 0) {
    return "(unreachable)" + (path->empty() ? std::string("/") : *path);
  }
  // Moved out of its mount, or never in one (locate).
  auto path = location.node->path_in_file_system();
  // What memfd_create(2) has made has a name that is in no tree, and reachable for none (fs/d_path.c simple_dname()).
  if (path.ok() && path->starts_with('/') && !path->starts_with("/memfd:")) return "(unreachable)" + *path;
  return path;
}

}  // namespace litebox::rootfs
