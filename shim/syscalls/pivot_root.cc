// pivot_root(2) (fs/namespace.c). The container has one table of mounts, so its whole tree turns.
#include <fcntl.h>
#include <linux/capability.h>

#include "rootfs/tree_path.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/native_paths.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

bool is_mount_root(const rootfs::Location& location) { return location.mount->root->key() == location.node->key(); }

Result<rootfs::Location> directory(const Call& call, int index) {
  LITEBOX_ASSIGN(const std::string path, call.path(index));
  LITEBOX_ASSIGN(rootfs::Location location, locate_at(call, AT_FDCWD, path, 0));
  if (!location.node->is_directory()) return Error(ENOTDIR);
  return location;
}

// chroot_fs_refs(): whoever had the former root as root or working directory has the new one.
void move_processes(kernel::World& world, const rootfs::Location& former, const rootfs::Location& present) {
  for (const HostPid member : world.members()) {
    (void)world.update(member, [&](kernel::ProcessState& state) -> Status {
      if (rootfs::same_place(state.root, former)) state.root = present;
      if (rootfs::same_place(state.cwd, former)) state.cwd = present;
      return {};
    });
  }
}

}  // namespace

Reply sys_pivot_root(Call& call) {
  if (!call.credentials().has(CAP_SYS_ADMIN)) return Reply::error(EPERM);
  LITEBOX_OR_REPLY(const rootfs::Location new_root, directory(call, 0));
  LITEBOX_OR_REPLY(const rootfs::Location put_old, directory(call, 1));
  const rootfs::Location former = call.state->root;
  if (new_root.mount == former.mount || put_old.mount == former.mount) return Reply::error(EBUSY);
  if (!is_mount_root(former) || former.mount->parent() != nullptr) return Reply::error(EINVAL);
  if (!is_mount_root(new_root) || new_root.mount->parent() == nullptr) return Reply::error(EINVAL);
  if (!rootfs::path_below(new_root, put_old)) return Reply::error(EINVAL);
  return after_shutting_out(call, [&world = call.world, former, new_root, put_old]() -> Status {
    LITEBOX_TRY(world.tree().pivot(new_root.mount, put_old));
    move_processes(world, former, new_root);
    return {};
  });
}

}  // namespace litebox::syscalls
