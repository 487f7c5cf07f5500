// chdir, fchdir, chroot, getcwd (fs/open.c, fs/d_path.c).
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string_view>

#include "shim/guest/abi.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/native_paths.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

Result<rootfs::Location> searchable_directory(const Call& call, int path_index) {
  LITEBOX_ASSIGN(const std::string path, call.path(path_index));
  LITEBOX_ASSIGN(rootfs::Location location, locate_at(call, AT_FDCWD, path, 0));
  if (!location.node->is_directory()) return Error(ENOTDIR);
  LITEBOX_TRY(location.node->check_access(call.subject(), X_OK));
  return location;
}

Status store_directory(kernel::World& world, HostPid process, const rootfs::Location& location, bool asks_for_paths) {
  return world.update(process, [&](kernel::ProcessState& state) -> Status {
    state.cwd = location;
    if (asks_for_paths) state.asks_for_paths = true;
    return {};
  });
}

// Where the kernel resolves paths, too, it must have the process in the same directory; where it cannot have it there, it
// resolves none of its paths any longer.
Reply change_directory(const Call& call, const rootfs::Location& location, const std::array<uint64_t, 6>& native) {
  kernel::World& world = call.world;
  if (!uses_native_paths(call)) return Reply::from(store_directory(world, call.process, location, false));
  const auto store = [&world, process = call.process, location](bool asks_for_paths) -> int64_t {
    const Status stored = store_directory(world, process, location, asks_for_paths);
    return stored.ok() ? 0 : -stored.error().number();
  };
  const auto shut = [store] {
    return shut_out(Shut::process, [store](int64_t result) { return result < 0 ? result : store(true); });
  };
  if (native[0] == 0)
    return is_natively_in(world.tree(), call.thread, location) ? Reply::value(store(false)) : Reply::in_guest(shut());
  Reply::InGuest calls{SYS_chdir, {native}};
  calls.then = [&world, thread = call.thread, location, shut](int64_t) -> std::shared_ptr<Reply::InGuest> {
    if (is_natively_in(world.tree(), thread, location)) return nullptr;
    return std::make_shared<Reply::InGuest>(shut());
  };
  calls.finish = [store](int64_t) { return store(false); };
  return Reply::in_guest(std::move(calls));
}

// Whether the marker at the end of `path` is the tree's, not a part of a directory's own name.
bool removed(const Call& call, const std::string& path) {
  if (!std::string_view(path).ends_with(kDeleted)) return false;
  rootfs::Subject subject = call.subject();
  auto identity = std::make_shared<rootfs::Identity>(*subject.identity);
  identity->capabilities |= (1ULL << CAP_DAC_READ_SEARCH) | (1ULL << CAP_DAC_OVERRIDE);
  subject.identity = std::move(identity);
  const auto resolved = call.world.tree().resolve(subject, call.state->root, call.state->root, path, {.follow_final = false});
  return !resolved.ok() || !(resolved->target.node->key() == call.state->cwd.node->key());
}

}  // namespace

Reply sys_chdir(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, searchable_directory(call, 0));
  return change_directory(call, location, {call.raw(0), abi::kMark, 0, 0, 0, 0});
}

Reply sys_fchdir(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_descriptor(call, call.integer(0), PathDescriptors::allowed));
  if (!location.node->is_directory()) return Reply::error(ENOTDIR);
  LITEBOX_CHECK_REPLY(location.node->check_access(call.subject(), X_OK));
  return change_directory(call, location, {});
}

Reply sys_chroot(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, searchable_directory(call, 0));
  if (!call.credentials().has(CAP_SYS_CHROOT)) return Reply::error(EPERM);
  return after_shutting_out(call, [&world = call.world, process = call.process, location] {
    return world.update(process, [&](kernel::ProcessState& state) -> Status {
      state.root = location;
      return {};
    });
  });
}

Reply sys_getcwd(Call& call) {
  const uint64_t size = call.raw(1);
  LITEBOX_OR_REPLY(const std::string path, call.world.tree().path_of(call.subject(), call.state->root, call.state->cwd));
  if (removed(call, path)) return Reply::error(ENOENT);
  const size_t length = path.size() + 1;
  if (length > PATH_MAX) return Reply::error(ENAMETOOLONG);
  if (length > size) return Reply::error(ERANGE);
  LITEBOX_CHECK_REPLY(call.memory.write(call.address(0), path.c_str(), length));
  return Reply::value(static_cast<int64_t>(length));
}

}  // namespace litebox::syscalls
