// Nice values and i/o priorities of member processes, groups and users: getpriority(2), setpriority(2), ioprio_get(2),
// ioprio_set(2).
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/io_priority.h"
#include "shim/kernel/permissions.h"
#include "shim/kernel/scoped_capabilities.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr int kHighestNice = 19;
constexpr int kLowestNice = -20;
// ioprio_set(2) and ioprio_get(2) take 0 as root, not as the caller, in spite of their page.
constexpr uid_t kRoot = 0;

void append_threads(std::vector<HostPid>& threads, HostPid process) {
  const std::vector<HostPid> more = threads_of(process);
  threads.insert(threads.end(), more.begin(), more.end());
}

HostPid group_named(const Call& call, int who) {
  return who == 0 ? HostPid(getpgid(call.process.value())) : call.world.to_host(VirtualPid(who));
}

// Every thread of the members whose real user id is `uid`.
std::vector<HostPid> threads_of_user(const Call& call, uid_t uid) {
  std::vector<HostPid> threads;
  for (const HostPid member : call.world.members()) {
    const auto state = call.world.state_of(member);
    if (state.ok() && (*state)->credentials->uid == uid) append_threads(threads, member);
  }
  return threads;
}

// The threads that (which, who) names, with the numbers of <sys/resource.h>; empty when there are none. `user` is the one that
// 0 stands for.
std::vector<HostPid> named_threads(const Call& call, int which, int who, uid_t user) {
  std::vector<HostPid> threads;
  if (which == PRIO_PROCESS) {
    if (const auto thread = named_thread(call, who); thread.ok()) threads.push_back(*thread);
  } else if (which == PRIO_PGRP) {
    for (const HostPid member : members_of_group(call.world, group_named(call, who))) append_threads(threads, member);
  } else {
    threads = threads_of_user(call, who == 0 ? user : static_cast<uid_t>(who));
  }
  return threads;
}

// The raw call: 20 - nice, so that no answer looks like an error.
Result<int> inverted_nice(HostPid thread) {
  const long value = syscall(SYS_getpriority, PRIO_PROCESS, thread.value());
  if (value < 0) return last_error();
  return static_cast<int>(value);
}

Status set_nice(const Call& call, HostPid thread, int nice) {
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(thread));
  if (thread != call.thread && !kernel::may_set_priority(call.credentials(), *state->credentials)) return Error(EPERM);
  const kernel::ScopedCapabilities scope(call.credentials());
  if (syscall(SYS_setpriority, PRIO_PROCESS, thread.value(), nice) != 0) return last_error();
  return {};
}

Status set_io_priority(const Call& call, HostPid thread, int priority) {
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(thread));
  if (thread != call.thread && !kernel::may_set_io_priority(call.credentials(), *state->credentials)) return Error(EPERM);
  const kernel::ScopedCapabilities scope(call.credentials());
  if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread.value(), priority) != 0) return last_error();
  return {};
}

// ioprio_best(): the lower number wins; no class counts as best effort of the default level.
int better_io_priority(int a, int b) {
  const auto effective = [](int priority) {
    return IOPRIO_PRIO_CLASS(priority) == IOPRIO_CLASS_NONE ? IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NORM) : priority;
  };
  return std::min(effective(a), effective(b));
}

}  // namespace

Reply sys_getpriority(Call& call) {
  const int which = call.integer(0);
  if (which < PRIO_PROCESS || which > PRIO_USER) return Reply::error(EINVAL);
  int best = -ESRCH;
  for (const HostPid thread : named_threads(call, which, call.integer(1), call.credentials().uid)) {
    if (const auto value = inverted_nice(thread); value.ok()) best = std::max(best, *value);
  }
  return Reply::value(best);
}

// The last error counts, unless all succeed (set_one_prio).
Reply sys_setpriority(Call& call) {
  const int which = call.integer(0);
  if (which < PRIO_PROCESS || which > PRIO_USER) return Reply::error(EINVAL);
  const int nice = std::clamp(call.integer(2), kLowestNice, kHighestNice);
  int error = ESRCH;
  for (const HostPid thread : named_threads(call, which, call.integer(1), call.credentials().uid)) {
    const Status status = set_nice(call, thread, nice);
    if (!status.ok() && status.error().number() != ESRCH) {
      error = status.error().number();
    } else if (status.ok() && error == ESRCH) {
      error = 0;
    }
  }
  return Reply::value(-error);
}

// IOPRIO_WHO_* are PRIO_* plus one.
Reply sys_ioprio_set(Call& call) {
  const int which = call.integer(0);
  if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) return Reply::error(EINVAL);
  const std::vector<HostPid> threads = named_threads(call, which - 1, call.integer(1), kRoot);
  if (threads.empty()) return Reply::error(ESRCH);
  for (const HostPid thread : threads) {
    const Status status = set_io_priority(call, thread, call.integer(2));
    const bool gone = !status.ok() && status.error().number() == ESRCH && threads.size() > 1;
    if (!status.ok() && !gone) return Reply::error(status.error());
  }
  return Reply::success();
}

Reply sys_ioprio_get(Call& call) {
  const int which = call.integer(0);
  if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) return Reply::error(EINVAL);
  int best = -ESRCH;
  for (const HostPid thread : named_threads(call, which - 1, call.integer(1), kRoot)) {
    const long priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, thread.value());
    if (priority < 0) continue;
    best = best < 0 ? static_cast<int>(priority) : better_io_priority(best, static_cast<int>(priority));
  }
  return Reply::value(best);
}

}  // namespace litebox::syscalls
