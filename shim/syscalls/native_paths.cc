#include "shim/syscalls/native_paths.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "rootfs/host_file.h"
#include "rootfs/native_tree.h"
#include "shim/guest/abi.h"
#include "shim/kernel/native_paths.h"

namespace litebox::syscalls {

bool uses_native_paths(const Call& call) { return call.world.mode().confined_tree && kernel::uses_native_paths(*call.state); }

Reply::InGuest shut_out(Shut who, std::function<int64_t(int64_t)> finish) {
  const auto installation = [](uint64_t flags) {
    return std::array<uint64_t, 6>{SECCOMP_SET_MODE_FILTER, flags, abi::kLockdownProgram, 0, 0, 0};
  };
  Reply::InGuest calls{SYS_seccomp, {}, Fd(), 0, std::move(finish)};
  calls.arguments.push_back(installation(who == Shut::process ? SECCOMP_FILTER_FLAG_TSYNC : 0));
  if (who == Shut::thread) return calls;
  // Threads that have shut themselves out already cannot be brought along: then the caller alone.
  calls.then = [installation, finish = calls.finish](int64_t synchronized) -> std::shared_ptr<Reply::InGuest> {
    if (synchronized == 0) return nullptr;
    return std::make_shared<Reply::InGuest>(Reply::InGuest{SYS_seccomp, {installation(0)}, Fd(), 0, finish});
  };
  return calls;
}

Reply after_shutting_out(const Call& call, std::function<Status()> change) {
  const auto answer = [change = std::move(change)]() -> int64_t {
    const Status changed = change();
    return changed.ok() ? 0 : -changed.error().number();
  };
  if (!uses_native_paths(call)) return Reply::value(answer());
  kernel::World& world = call.world;
  return Reply::in_guest(shut_out(Shut::process, [answer, &world, process = call.process](int64_t shut) -> int64_t {
    if (shut < 0) return shut;
    (void)world.update(process, [](kernel::ProcessState& state) -> Status {
      state.asks_for_paths = true;
      return {};
    });
    return answer();
  }));
}

bool is_natively_in(const rootfs::Tree& tree, HostPid thread, const rootfs::Location& location) {
  const std::string link = "/proc/" + std::to_string(thread.value()) + "/cwd";
  const Fd directory(::open(link.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory || tree.native() == nullptr) return false;
  const auto found = rootfs::host::identify(directory.get());
  if (!found.ok() || !(found->key == location.node->key())) return false;
  const auto* shown = tree.native()->find(found->mount_id);
  return shown != nullptr && shown->mount == location.mount;
}

void forget_native_mount(const Call& call, const rootfs::Location& location) {
  rootfs::Tree& tree = call.world.tree();
  if (tree.native() == nullptr) return;
  rootfs::Subject subject = call.subject();
  const auto path = tree.path_of(subject, tree.root(), location);
  const Status blocked = path.ok() ? tree.native()->block(*path) : Status(path.error());
  if (!blocked.ok()) log::warning("a mount that guests see natively: " + blocked.error().message());
}

}  // namespace litebox::syscalls
