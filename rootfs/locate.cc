// From a descriptor back to a place in the tree: Tree::locate.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <optional>

#include "rootfs/descriptor_registry.h"
#include "rootfs/host_node.h"
#include "rootfs/mount_table.h"
#include "rootfs/native_tree.h"
#include "rootfs/tree.h"
#include "rootfs/tree_path.h"

namespace litebox::rootfs {
namespace {

// How much a mount forbids: of several mounts of the same file the one that forbids most is taken.
int restrictions(const MountFlags& flags) {
  return (flags.read_only ? 8 : 0) + (flags.no_exec ? 4 : 0) + (flags.no_suid ? 2 : 0) + (flags.no_dev ? 1 : 0);
}

// The mount that shows most closely around `path`, of those that `fits` accepts.
template <typename Fits>
MountPtr closest_mount(const MountTable& table, const std::string& path, const Fits& fits) {
  MountPtr best;
  size_t best_length = 0;
  for (const MountPtr& mount : table.mounts()) {
    if (!fits(*mount)) continue;
    const auto root = mount->root->path_in_file_system();
    if (!root.ok() || !below(*root, path)) continue;
    const bool better = !best || root->size() > best_length ||
                        (root->size() == best_length && restrictions(mount->flags) > restrictions(best->flags));
    if (!better) continue;
    best = mount;
    best_length = root->size();
  }
  return best;
}

HostFileSystemPtr host_file_system(const Mount& mount) {
  const auto* root = dynamic_cast<const HostNode*>(mount.root.get());
  return root == nullptr ? nullptr : root->file_system();
}

// The mount that shows the host mount `mount_id`, where there is but one and it shows all of that: no path need be compared.
MountPtr only_mount_of(const MountTable& table, uint64_t mount_id) {
  MountPtr only;
  for (const MountPtr& mount : table.mounts()) {
    const HostFileSystemPtr file_system = host_file_system(*mount);
    if (file_system == nullptr || !file_system->knows(mount_id)) continue;
    if (only || !mount->whole) return nullptr;
    only = mount;
  }
  return only;
}

// A place of its own: nothing above it can be named.
Location alone(NodePtr node, const MountFlags& flags = {}) {
  auto mount = std::make_shared<Mount>();
  mount->root = node;
  mount->flags = flags;
  return {std::move(mount), std::move(node)};
}

// A file that the guest has opened itself: the same file by way of the monitor's own mounts. One that has lost its name, or
// another has it, is what the descriptor says; it has nothing below it that is mounted.
Result<Location> locate_native(const NativeTree::Shown& shown, int fd, const host::Identification& identification) {
  const HostFileSystemPtr file_system = host_file_system(*shown.mount);
  const int root = shown.mount->root->host_fd();
  const auto path = host::path(fd);
  const auto rest = path.ok() ? below(shown.path, *path) : std::nullopt;
  if (rest) {
    const size_t start = rest->find_first_not_of('/');
    auto found = start == std::string::npos ? host::reopen(root, O_PATH) : host::lookup_path(root, rest->substr(start));
    if (found.ok()) {
      const auto same = host::identify(found->get());
      if (same.ok() && same->key == identification.key) {
        LITEBOX_ASSIGN(NodePtr node, HostNode::make(file_system, *std::move(found), *same));
        return Location{shown.mount, std::move(node)};
      }
    }
  }
  LITEBOX_ASSIGN(Fd held, host::reopen(fd, O_PATH));
  LITEBOX_ASSIGN(NodePtr node, HostNode::make(file_system, std::move(held), identification));
  return Location{shown.mount, std::move(node)};
}

// The host's /dev/null and the like, which a container is lent as its standard input or in the place of a masked path: what it
// is for everybody is not for the container to change.
bool is_memory_device(const Fd& file) {
  constexpr unsigned kMemoryMajor = 1;
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && S_ISCHR(status.st_mode) && gnu_dev_major(status.st_rdev) == kMemoryMajor;
}

}  // namespace

Result<Location> Tree::locate(int fd) {
  const auto mounts = table();
  LITEBOX_ASSIGN(const host::Identification identification, host::identify(fd));
  if (native_) {
    if (const auto shown = native_->find(identification.mount_id)) return locate_native(*shown, fd, identification);
  }
  if (registry_) {
    if (NodePtr node = registry_->find(identification.key)) {
      LITEBOX_ASSIGN(const std::string path, node->path_in_file_system());
      MountPtr mount = closest_mount(*mounts, path, [&](const Mount& candidate) {
        return candidate.root->key().device == node->key().device && host_file_system(candidate) == nullptr;
      });
      return mount ? Location{std::move(mount), std::move(node)} : alone(std::move(node));
    }
  }

  MountPtr mount = only_mount_of(*mounts, identification.mount_id);
  if (!mount) {
    LITEBOX_ASSIGN(const std::string path, host::path(fd));
    mount = closest_mount(*mounts, path, [&](const Mount& candidate) {
      const HostFileSystemPtr file_system = host_file_system(candidate);
      return file_system != nullptr && file_system->knows(identification.mount_id);
    });
    for (size_t i = 0; !mount && i < mounts->mounts().size(); ++i) {
      const MountPtr& candidate = mounts->mounts()[i];
      if (NodePtr node = candidate->root->find_handed_out(fd, path)) return Location{candidate, std::move(node)};
    }
  }
  // Not the descriptor itself: a node must not keep a pipe's end or a lock alive.
  LITEBOX_ASSIGN(Fd held, host::reopen(fd, O_PATH));
  if (mount) {
    LITEBOX_ASSIGN(NodePtr node, HostNode::make(host_file_system(*mount), std::move(held), identification));
    return Location{mount, std::move(node)};
  }
  const HostFileSystemPtr root = host_file_system(*mounts->root());
  auto outside = std::make_shared<HostFileSystem>(root ? root->ownership() : Ownership::native, false,
                                                  root ? root->device_policy() : nullptr, root ? root->id_maps() : nullptr);
  MountFlags flags;
  flags.read_only = is_memory_device(held);
  LITEBOX_ASSIGN(NodePtr node, HostNode::make(outside, std::move(held), identification));
  return alone(std::move(node), flags);
}

}  // namespace litebox::rootfs
