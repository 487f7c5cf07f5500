// chdir, fchdir, chroot, getcwd (fs/open.c, fs/d_path.c).
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/mman.h>
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
// resolves none of its paths any longer. By nudges, which end with the last of them.
class Move {
 public:
  Move(const Call& call, rootfs::Location to)
      : world_(call.world), thread_(call.thread), process_(call.process), to_(std::move(to)) {}

  Status store(bool asks_for_paths) const { return store_directory(world_, process_, to_, asks_for_paths); }
  bool is_done() const { return is_natively_in(world_.tree(), thread_, to_); }

  // To what stands at `path`, in the guest's memory, as the guest says.
  Reply::InGuest by_path(uint64_t path) const { return ended_by({SYS_chdir, {{path, abi::kMark, 0, 0, 0, 0}}}); }
  // To `path`, by a page that the guest has for that alone.
  Reply::InGuest by_name(const std::string& path) const {
    Reply::InGuest calls{SYS_mmap, {{0, PATH_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}}};
    calls.then = [move = *this, path](int64_t page) {
      if (page < 0 && page > -PATH_MAX) return move.shut();
      const auto address = static_cast<uint64_t>(page);
      (void)kernel::GuestMemory(move.thread_).write(GuestAddress(address), path.c_str(), path.size() + 1);
      Reply::InGuest there{SYS_chdir, {{address, abi::kMark, 0, 0, 0, 0}}};
      there.then = [move, address](int64_t) {
        return std::make_shared<Reply::InGuest>(move.ended_by({SYS_munmap, {{address, PATH_MAX, 0, 0, 0, 0}}}));
      };
      return std::make_shared<Reply::InGuest>(std::move(there));
    };
    return calls;
  }
  std::shared_ptr<Reply::InGuest> shut() const {
    return std::make_shared<Reply::InGuest>(
        shut_out(Shut::process, [move = *this](int64_t result) { return result < 0 ? result : move.answer(true); }));
  }

 private:
  int64_t answer(bool asks_for_paths) const {
    const Status stored = store(asks_for_paths);
    return stored.ok() ? 0 : -stored.error().number();
  }
  // `calls` are the last: the process is there now, or shut out.
  Reply::InGuest ended_by(Reply::InGuest calls) const {
    calls.then = [move = *this](int64_t) { return move.is_done() ? nullptr : move.shut(); };
    calls.finish = [move = *this](int64_t) { return move.answer(false); };
    return calls;
  }

  kernel::World& world_;
  HostPid thread_, process_;
  rootfs::Location to_;
};

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
  const Move move(call, location);
  return uses_native_paths(call) ? Reply::in_guest(move.by_path(call.raw(0))) : Reply::from(move.store(false));
}

Reply sys_fchdir(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_descriptor(call, call.integer(0), PathDescriptors::allowed));
  if (!location.node->is_directory()) return Reply::error(ENOTDIR);
  LITEBOX_CHECK_REPLY(location.node->check_access(call.subject(), X_OK));
  const Move move(call, location);
  if (!uses_native_paths(call) || move.is_done()) return Reply::from(move.store(false));
  const auto path = call.world.tree().path_of(call.subject(), call.world.tree().root(), location);
  if (!path.ok() || path->size() >= PATH_MAX) return Reply::in_guest(std::move(*move.shut()));
  return Reply::in_guest(move.by_name(*path));
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
