#include "shim/kernel/signals.h"

#include <fcntl.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "shim/kernel/pending_signals.h"
#include "shim/kernel/pidfd.h"

namespace litebox::kernel {
namespace {

// The set that a thread in rt_sigtimedwait(2) waits for. The kernel unblocks these for the wait, and remembers in
// real_blocked, which it shows nowhere, that they are blocked.
uint64_t awaited_signals(HostPid thread) {
  const std::string path = "/proc/" + std::to_string(thread.value()) + "/syscall";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  unsigned long number = 0;
  unsigned long set = 0;
  if (!file || std::fscanf(file.get(), "%lu %lx", &number, &set) != 2 || number != SYS_rt_sigtimedwait) return 0;
  uint64_t signals = 0;
  const struct iovec here = {&signals, sizeof signals};
  const struct iovec there = {reinterpret_cast<void*>(set), sizeof signals};
  return process_vm_readv(thread.value(), &here, 1, &there, 1, 0) == sizeof signals ? signals : 0;
}

// Every member descends from this process, or from its parent, the keeper, to which orphans come. False only where neither has
// a child, so that none is left: what is host-wide need not be searched then.
bool may_have_members() {
  siginfo_t information{};
  if (::waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD) return true;
  const std::string keeper = std::to_string(::getppid());
  const Fd children(::open(("/proc/" + keeper + "/task/" + keeper + "/children").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t length = ::read(children.get(), text.data(), text.size());
  return length < 0 || std::string_view(text.data(), static_cast<size_t>(length)) != std::to_string(::getpid()) + " ";
}

}  // namespace

bool ignored_by_init(HostPid init, int signal, Origin origin) {
  if (signal == 0) return false;
  if (signal == SIGKILL || signal == SIGSTOP) return origin == Origin::inside;
  const uint64_t bit = 1ULL << static_cast<unsigned>(signal - 1);
  const auto state = signal_state_of(init);
  return state.ok() && ((state->caught | state->blocked) & bit) == 0 && (awaited_signals(init) & bit) == 0;
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
  if (!may_have_members()) return {};
  constexpr int kPauseMs = 2;
  for (int waited = 0; waited <= timeout_ms; waited += kPauseMs) {
    bool any = false;
    std::unordered_set<pid_t> groups;
    for (const HostPid member : world.own_members()) {
      const auto pidfd = open_pidfd(member);
      if (!pidfd.ok() || !world.is_own(member) || has_ended(pidfd->get())) continue;
      any = true;
      // A group's members cannot fork their way out while it gets its signal (copy_process() looks for signals under the same
      // lock). Members' groups have no other members, except that of one that the monitor is still making.
      const pid_t group = ::getpgid(member.value());
      if (group > 0 && group != ::getpgrp() && groups.insert(group).second) (void)::kill(-group, SIGKILL);
      (void)send_signal(pidfd->get(), SIGKILL);
    }
    if (!any) return {};
    ::usleep(kPauseMs * 1000);
  }
  return Error(ETIMEDOUT, "killing the container's processes");
}

}  // namespace litebox::kernel
