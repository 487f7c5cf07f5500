#include "shim/syscalls/lookup.h"

#include <fcntl.h>

#include "rootfs/descriptor_registry.h"
#include "shim/syscalls/path_descriptor.h"

namespace litebox::syscalls {
Result<std::string> path_maybe_null(const Call& call, int index, unsigned at_flags) {
  if ((at_flags & AT_EMPTY_PATH) != 0 && call.address(index).null()) return std::string();
  return call.path(index);
}

Result<rootfs::Location> locate_at(const Call& call, const rootfs::Subject& subject, int dirfd, const std::string& path,
                                   unsigned at_flags) {
  if (path.empty() && (at_flags & AT_EMPTY_PATH) != 0) {
    if (dirfd == AT_FDCWD) return call.state->cwd;
    return locate_descriptor(call, dirfd, PathDescriptors::allowed);
  }
  rootfs::ResolveOptions options;
  options.follow_final = (at_flags & AT_SYMLINK_NOFOLLOW) == 0;
  LITEBOX_ASSIGN(rootfs::Resolved resolved, call.resolve_as(subject, dirfd, path, options));
  return std::move(resolved.target);
}

Result<rootfs::Location> locate_at(const Call& call, int dirfd, const std::string& path, unsigned at_flags) {
  return locate_at(call, call.subject(), dirfd, path, at_flags);
}

Result<rootfs::Location> locate_descriptor(const Call& call, int fd, PathDescriptors path_descriptors) {
  LITEBOX_ASSIGN(const Fd copy, call.file(fd));
  if (path_descriptors == PathDescriptors::refused && is_path_descriptor(copy.get())) return Error(EBADF);
  return call.world.tree().locate(copy.get());
}

bool is_host_file(const Call& call, const rootfs::NodeKey& key) {
  if (call.world.mode().recorded_ownership || call.world.mode().mapped_ids) return false;
  const auto& registry = call.world.tree().registry();
  return registry == nullptr || registry->find(key) == nullptr;
}

Result<Entry> lookup_entry(const Call& call, int dirfd, const std::string& path) {
  rootfs::ResolveOptions options;
  options.follow_final = false;
  options.want_parent = true;
  LITEBOX_ASSIGN(rootfs::Resolved resolved, call.resolve(dirfd, path, options));
  Entry entry;
  entry.parent = std::move(resolved.parent);
  entry.name = std::move(resolved.name);
  entry.target = std::move(resolved.target);
  entry.last = resolved.last;
  entry.trailing_slash = resolved.trailing_slash;
  return entry;
}

Result<Entry> lookup_new_entry(const Call& call, int dirfd, const std::string& path, bool directory) {
  LITEBOX_ASSIGN(Entry entry, lookup_entry(call, dirfd, path));
  if (entry.last != rootfs::LastComponent::normal || entry.exists()) return Error(EEXIST);
  if (entry.trailing_slash && !directory) return Error(ENOENT);
  LITEBOX_TRY(rootfs::Tree::want_write(entry.parent));
  return entry;
}

}  // namespace litebox::syscalls
