// Who am I, and who is above me: getpid(2), gettid(2), getppid(2), getpgid(2), getsid(2), setpgid(2).
//
// An id inside is the id outside, except that init's process, group and session are 1.
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/kernel/pidfd.h"
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// A group or session that a member is in is the container's own: each process that the monitor forks begins a session.
// Its leader may be gone, so membership says nothing here.
pid_t group_inside(const Call& call, pid_t group) { return HostPid(group) == call.world.init() ? 1 : group; }

// The process that an argument names: 0 is the caller. ESRCH for outsiders.
Result<HostPid> named_process(const Call& call, int argument) {
  if (argument == 0) return call.process;
  if (argument < 0) return Error(ESRCH);
  const HostPid process = call.world.to_host(VirtualPid(argument));
  if (!call.world.is_member(process)) return Error(ESRCH);
  return process;
}

Reply group_of(const Call& call, pid_t (*query)(pid_t)) {
  LITEBOX_OR_REPLY(const HostPid process, named_process(call, call.integer(0)));
  const pid_t group = query(process.value());
  if (group < 0) return Reply::error(errno);
  return Reply::value(group_inside(call, group));
}

}  // namespace

// With CLONE_PARENT: not for those whose parent is no member, init first of all, to whom Linux refuses it as well. The kernel
// does it for all others; every argument is a register.
Reply sys_clone(Call& call) {
  LITEBOX_OR_REPLY(const HostPid parent, kernel::parent_process(call.pidfd, call.process));
  return call.world.is_member(parent) ? Reply::proceed() : Reply::error(EINVAL);
}

Reply sys_getpid(Call& call) { return Reply::value(call.world.to_virtual(call.process).value()); }

Reply sys_gettid(Call& call) { return Reply::value(call.thread == call.world.init() ? 1 : call.thread.value()); }

Reply sys_getppid(Call& call) {
  LITEBOX_OR_REPLY(const HostPid parent, kernel::parent_process(call.pidfd, call.process));
  return Reply::value(call.world.to_virtual(parent).value());
}

Reply sys_getpgid(Call& call) { return group_of(call, ::getpgid); }

Reply sys_getpgrp(Call& call) {
  const pid_t group = ::getpgid(call.process.value());
  return group < 0 ? Reply::error(errno) : Reply::value(group_inside(call, group));
}

Reply sys_getsid(Call& call) { return group_of(call, ::getsid); }

// Only where an argument is init's alias: the kernel does the rest, in the caller's context, since a parent may move its
// child only until the child's exec.
Reply sys_setpgid(Call& call) {
  const int process = call.integer(0);
  const int group = call.integer(1);
  if (group < 0) return Reply::error(EINVAL);
  const auto host = [&call](int id) { return static_cast<uint64_t>(id == 1 ? call.world.init().value() : id); };
  return Reply::in_guest(SYS_setpgid, {host(process), host(group), 0, 0, 0, 0});
}

}  // namespace litebox::syscalls
