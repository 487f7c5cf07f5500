// Rewritten text for those who execute a program or map a library.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shim/guest/abi.h"
#include "shim/kernel/guest_memory.h"
#include "shim/kernel/native_paths.h"
#include "shim/monitor/exec_service.h"
#include "shim/monitor/shortcuts.h"

namespace litebox::monitor {

abi::RewrittenText ExecService::text_of(const seccomp_notif& notification, const Caller& caller, int file, rewrite::Role role,
                                        bool native) const {
  const rewrite::Wanted wanted{role, native ? shortcuts_ : without_paths(shortcuts_)};
  abi::RewrittenText nothing{};
  nothing.fd = -1;
  rewrite::Cache::Text found;
  if (auto known = texts_->known(file, wanted)) {
    found = *std::move(known);
  } else {
    caller.monitor.while_blocking([&] { found = texts_->find(file, wanted); });
  }
  if (found == nullptr) return nothing;
  const auto descriptor = listener_.install(notification.id, found->memfd.get(), true);
  if (!descriptor.ok()) return nothing;
  abi::RewrittenText text = found->map;
  text.fd = *descriptor;
  return text;
}

// Of a file that the caller has open for reading: what it could map, it may map rewritten.
void ExecService::text(const seccomp_notif& notification, const Caller& caller) {
  const auto answer = [&]() -> Status {
    if (texts_ == nullptr) return Error(ENOSYS);
    LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, world_.state_of(HostPid(static_cast<pid_t>(notification.pid))));
    const Fd file(static_cast<int>(::syscall(SYS_pidfd_getfd, caller.pidfd, static_cast<int>(notification.data.args[0]), 0)));
    if (!file) return last_error();
    const int flags = ::fcntl(file.get(), F_GETFL);
    const int access = flags & O_ACCMODE;
    if (flags < 0 || (flags & O_PATH) != 0 || (access != O_RDONLY && access != O_RDWR)) return Error(EBADF);
    const bool native = world_.mode().confined_tree && kernel::uses_native_paths(*state);
    const abi::RewrittenText map = text_of(notification, caller, file.get(), rewrite::Role::object, native);
    if (map.run_count == 0) return Error(ENOENT);
    return kernel::GuestMemory(caller.process).write_value(GuestAddress(notification.data.args[1]), map);
  };
  const Status given = answer();
  (void)listener_.answer(notification.id, given.ok() ? 0 : -given.error().number());
}

}  // namespace litebox::monitor
