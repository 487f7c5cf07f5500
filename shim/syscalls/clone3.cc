// clone3(2): kernel/fork.c, copy_clone_args_from_user() and clone3_args_valid().
//
// Its flags lie in memory, where no filter can judge them and where they could change: the guest makes the clone(2) that comes
// to the same with what has been read here. What shares memory (threads, and what waits for an exec) is refused with ENOSYS, as
// where there is no clone3: C libraries then call clone(2), which is native and much cheaper. So is what clone(2) cannot say.
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include "shim/kernel/pidfd.h"
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr uint64_t kPageSize = 4096;
constexpr uint64_t kSetTidLimit = 32;  // MAX_PID_NS_LEVEL
constexpr uint64_t kDetached = 0x00400000;
constexpr uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
constexpr uint64_t kKnown = 0xffffffffULL | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
constexpr uint64_t kHighestAddress = 0x00007ffffffff000;

// copy_struct_from_user()
Result<clone_args> read_arguments(const Call& call) {
  const uint64_t size = call.raw(1);
  if (size > kPageSize) return Error(E2BIG);
  if (size < CLONE_ARGS_SIZE_VER0) return Error(EINVAL);
  std::vector<char> bytes(std::max<uint64_t>(size, sizeof(clone_args)));
  LITEBOX_TRY(call.memory.read(call.address(0), bytes.data(), size));
  if (std::any_of(bytes.begin() + sizeof(clone_args), bytes.end(), [](char byte) { return byte != 0; })) return Error(E2BIG);
  clone_args arguments{};
  std::copy_n(bytes.data(), sizeof arguments, reinterpret_cast<char*>(&arguments));
  return arguments;
}

Status check(const clone_args& a) {
  if (a.set_tid_size > kSetTidLimit || (a.set_tid == 0) != (a.set_tid_size == 0)) return Error(EINVAL);
  if ((a.exit_signal & ~static_cast<uint64_t>(CSIGNAL)) != 0 || a.exit_signal > _NSIG - 1) return Error(EINVAL);
  if ((a.flags & CLONE_INTO_CGROUP) != 0 && a.cgroup > INT32_MAX) return Error(EINVAL);
  if ((a.flags & ~kKnown) != 0 || (a.flags & (kDetached | (CSIGNAL & ~CLONE_NEWTIME))) != 0) return Error(EINVAL);
  if ((a.flags & CLONE_SIGHAND) != 0 && (a.flags & CLONE_CLEAR_SIGHAND) != 0) return Error(EINVAL);
  if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && a.exit_signal != 0) return Error(EINVAL);
  if ((a.stack == 0) != (a.stack_size == 0)) return Error(EINVAL);
  if (a.stack_size > kHighestAddress || a.stack > kHighestAddress - a.stack_size) return Error(EINVAL);
  if ((a.flags & CLONE_FS) != 0 && (a.flags & (CLONE_NEWNS | CLONE_NEWUSER)) != 0) return Error(EINVAL);
  return {};
}

}  // namespace

Reply sys_clone3(Call& call) {
  LITEBOX_OR_REPLY(const clone_args arguments, read_arguments(call));
  LITEBOX_CHECK_REPLY(check(arguments));
  const uint64_t flags = arguments.flags;
  if ((flags & kNamespaces) != 0 || arguments.set_tid_size != 0) return Reply::error(EPERM);
  if ((flags & (CLONE_VM | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)) != 0) return Reply::error(ENOSYS);
  if (call.world.traces().tracer_of(call.thread)) return Reply::error(ENOSYS);
  if ((flags & CLONE_PARENT) != 0) {
    LITEBOX_OR_REPLY(const HostPid parent, kernel::parent_process(call.pidfd, call.process));
    if (!call.world.is_member(parent)) return Reply::error(EINVAL);
  }
  // clone(2) has one place for both.
  const bool with_pidfd = (flags & CLONE_PIDFD) != 0;
  const bool tell_parent = with_pidfd && (flags & CLONE_PARENT_SETTID) != 0;
  const uint64_t native = (tell_parent ? flags & ~static_cast<uint64_t>(CLONE_PARENT_SETTID) : flags) | arguments.exit_signal;
  const uint64_t stack = arguments.stack == 0 ? 0 : arguments.stack + arguments.stack_size;
  Reply::InGuest clone{SYS_clone, {}};
  clone.arguments.push_back(
      {native, stack, with_pidfd ? arguments.pidfd : arguments.parent_tid, arguments.child_tid, arguments.tls, 0});
  if (tell_parent) {
    clone.finish = [memory = call.memory, into = GuestAddress(arguments.parent_tid)](int64_t child) {
      if (child > 0) (void)memory.write_value(into, static_cast<pid_t>(child));
      return child;
    };
  }
  return Reply::in_guest(std::move(clone));
}

}  // namespace litebox::syscalls
