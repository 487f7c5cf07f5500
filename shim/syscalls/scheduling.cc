// Scheduling policy and processor affinity of member threads: sched_setscheduler(2), sched_setparam(2), sched_setattr(2),
// sched_setaffinity(2), sched_rr_get_interval(2) and their twins that ask.
//
// The kernel does the work and checks its own limits (RLIMIT_RTPRIO, RLIMIT_NICE), with no more capabilities than the guest
// has; whose thread it is, and whether there is one, is decided here.
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "shim/kernel/permissions.h"
#include "shim/kernel/scoped_capabilities.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr unsigned kAttributesSizeFirst = 48;  // SCHED_ATTR_SIZE_VER0
constexpr size_t kPageSize = 4096;

Reply result_of(int64_t result) { return result < 0 ? Reply::error(errno) : Reply::value(result); }

// A thread whose scheduling the caller may change.
Result<HostPid> changeable_thread(const Call& call, int argument) {
  LITEBOX_ASSIGN(const HostPid thread, named_thread(call, argument));
  if (thread == call.thread) return thread;
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr state, call.world.state_of(thread));
  if (!kernel::may_schedule(call.credentials(), *state->credentials)) return Error(EPERM);
  return thread;
}

Reply set_scheduler(const Call& call, int policy, GuestAddress parameters) {
  if (call.integer(0) < 0 || parameters.null()) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const sched_param parameter, call.memory.read_value<sched_param>(parameters));
  LITEBOX_OR_REPLY(const HostPid thread, changeable_thread(call, call.integer(0)));
  const kernel::ScopedCapabilities scope(call.credentials());
  if (call.number == SYS_sched_setparam) return result_of(syscall(SYS_sched_setparam, thread.value(), &parameter));
  return result_of(syscall(SYS_sched_setscheduler, thread.value(), policy, &parameter));
}

}  // namespace

Reply sys_sched_setscheduler(Call& call) {
  if (call.integer(1) < 0) return Reply::error(EINVAL);
  return set_scheduler(call, call.integer(1), call.address(2));
}

Reply sys_sched_setparam(Call& call) { return set_scheduler(call, 0, call.address(1)); }

Reply sys_sched_getscheduler(Call& call) {
  if (call.integer(0) < 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const HostPid thread, named_thread(call, call.integer(0)));
  return result_of(syscall(SYS_sched_getscheduler, thread.value()));
}

Reply sys_sched_getparam(Call& call) {
  if (call.integer(0) < 0 || call.address(1).null()) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const HostPid thread, named_thread(call, call.integer(0)));
  sched_param parameter = {};
  if (syscall(SYS_sched_getparam, thread.value(), &parameter) != 0) return Reply::error(errno);
  return Reply::from(call.memory.write_value(call.address(1), parameter));
}

// The structure grows with the kernel: as many bytes as the guest says (sched_copy_attr).
Reply sys_sched_setattr(Call& call) {
  if (call.integer(0) < 0 || call.address(1).null() || call.flags(2) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(uint32_t size, call.memory.read_value<uint32_t>(call.address(1)));
  if (size == 0) size = kAttributesSizeFirst;
  std::vector<char> attributes(kPageSize);
  if (size >= kAttributesSizeFirst && size <= kPageSize) {
    LITEBOX_CHECK_REPLY(call.memory.read(call.address(1), attributes.data(), size));
  }
  std::copy_n(reinterpret_cast<const char*>(&size), sizeof size, attributes.data());
  LITEBOX_OR_REPLY(const HostPid thread, changeable_thread(call, call.integer(0)));
  const kernel::ScopedCapabilities scope(call.credentials());
  if (syscall(SYS_sched_setattr, thread.value(), attributes.data(), 0) == 0) return Reply::success();
  const int error = errno;
  if (error == E2BIG) {  // the kernel says how much it knows
    LITEBOX_CHECK_REPLY(call.memory.write(call.address(1), attributes.data(), sizeof size));
  }
  return Reply::error(error);
}

Reply sys_sched_getattr(Call& call) {
  const unsigned size = call.flags(2);
  if (call.address(1).null() || call.integer(0) < 0 || size > kPageSize || size < kAttributesSizeFirst || call.flags(3) != 0) {
    return Reply::error(EINVAL);
  }
  LITEBOX_OR_REPLY(const HostPid thread, named_thread(call, call.integer(0)));
  std::vector<char> attributes(size);
  if (syscall(SYS_sched_getattr, thread.value(), attributes.data(), size, 0) != 0) return Reply::error(errno);
  uint32_t known = 0;
  std::copy_n(attributes.data(), sizeof known, reinterpret_cast<char*>(&known));
  return Reply::from(call.memory.write(call.address(1), attributes.data(), std::min(known, size)));
}

Reply sys_sched_rr_get_interval(Call& call) {
  if (call.integer(0) < 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const HostPid thread, named_thread(call, call.integer(0)));
  timespec interval = {};
  if (syscall(SYS_sched_rr_get_interval, thread.value(), &interval) != 0) return Reply::error(errno);
  return Reply::from(call.memory.write_value(call.address(1), interval));
}

// Masks longer than the kernel's are cut there, shorter ones filled with zeros; a page holds any kernel's.
Reply sys_sched_setaffinity(Call& call) {
  std::vector<char> mask(std::min<size_t>(call.flags(1), kPageSize));
  LITEBOX_CHECK_REPLY(call.memory.read(call.address(2), mask.data(), mask.size()));
  LITEBOX_OR_REPLY(const HostPid thread, changeable_thread(call, call.integer(0)));
  const kernel::ScopedCapabilities scope(call.credentials());
  return result_of(syscall(SYS_sched_setaffinity, thread.value(), mask.size(), mask.data()));
}

Reply sys_sched_getaffinity(Call& call) {
  const unsigned size = call.flags(1);
  if (size % sizeof(unsigned long) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const HostPid thread, named_thread(call, call.integer(0)));
  std::vector<char> mask(std::min<size_t>(size, kPageSize));
  const long written = syscall(SYS_sched_getaffinity, thread.value(), mask.size(), mask.data());
  if (written < 0) return Reply::error(errno);
  LITEBOX_CHECK_REPLY(call.memory.write(call.address(2), mask.data(), static_cast<size_t>(written)));
  return Reply::value(written);
}

}  // namespace litebox::syscalls
