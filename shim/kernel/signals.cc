#include "shim/kernel/signals.h"

#include <sys/capability.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "shim/kernel/pidfd.h"

namespace litebox::kernel {
namespace {

// The signals that a process has handlers for, as bits; none for one that has ended.
uint64_t caught_signals(HostPid process) {
  const std::string path = "/proc/" + std::to_string(process.value()) + "/status";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return 0;
  char line[256];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    if (std::strncmp(line, "SigCgt:", 7) == 0) return std::strtoull(line + 7, nullptr, 16);
  }
  return 0;
}

}  // namespace

bool ignored_by_init(HostPid init, int signal, Origin origin) {
  if (signal == 0) return false;
  if (signal == SIGKILL || signal == SIGSTOP) return origin == Origin::inside;
  const uint64_t bit = 1ULL << static_cast<unsigned>(signal - 1);
  return (caught_signals(init) & bit) == 0;
}

bool may_signal(const Credentials& sender, const Credentials& target) {
  return sender.has(CAP_KILL) || sender.euid == target.suid || sender.euid == target.uid || sender.uid == target.suid ||
         sender.uid == target.uid;
}

Status signal_process(const World& world, HostPid process, int signal, Origin origin) {
  LITEBOX_ASSIGN(const Fd pidfd, open_pidfd(process));
  // The membership of whoever has the number now is that of the process behind pidfd, as long as that one lives.
  if (!world.is_member(process) || has_ended(pidfd.get())) return Error(ESRCH);
  if (process == world.init() && ignored_by_init(process, signal, origin)) return {};
  return send_signal(pidfd.get(), signal);
}

Status kill_all(const World& world, int timeout_ms) {
  constexpr int kPauseMs = 2;
  for (int waited = 0; waited <= timeout_ms; waited += kPauseMs) {
    bool any = false;
    for (const HostPid member : world.members()) {
      const auto pidfd = open_pidfd(member);
      if (!pidfd.ok() || !world.is_member(member) || has_ended(pidfd->get())) continue;
      any = true;
      (void)send_signal(pidfd->get(), SIGKILL);
    }
    if (!any) return {};
    ::usleep(kPauseMs * 1000);
  }
  return Error(ETIMEDOUT, "killing the container's processes");
}

}  // namespace litebox::kernel
