// kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), rt_tgsigqueueinfo(2): whom their arguments name (kernel/signal.c).
#include <climits>
#include <csignal>

#include <unistd.h>

#include "shim/syscalls/call.h"
#include "shim/syscalls/signal_sending.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

struct Receiver {
  HostPid process;
  HostPid thread;
};

// A thread by its id, and by its process's where that is given (not 0); ESRCH.
Result<Receiver> receiver(const Call& call, int process_argument, int thread_argument) {
  if (thread_argument <= 0) return Error(ESRCH);
  const HostPid thread = call.world.to_host(VirtualPid(thread_argument));
  LITEBOX_ASSIGN(const HostPid process, thread == call.thread ? call.process : call.world.thread_group_of(thread));
  if (process_argument != 0 && call.world.to_host(VirtualPid(process_argument)) != process) return Error(ESRCH);
  return Receiver{process, thread};
}

Reply kill_thread(const Call& call, int process_argument, int thread_argument, int signal) {
  LITEBOX_OR_REPLY(const Receiver to, receiver(call, process_argument, thread_argument));
  return send_to_thread(call, to.process, to.thread, {signal, {}, {}});
}

// The information that comes with a signal. The kernel reads it again from the guest's memory, and checks it again.
Result<OutgoingSignal> read_signal(const Call& call, int number, GuestAddress address) {
  LITEBOX_ASSIGN(const siginfo_t information, call.memory.read_value<siginfo_t>(address));
  return OutgoingSignal{number, information, address};
}

}  // namespace

Reply sys_kill(Call& call) {
  const int target = call.integer(0);
  const int signal = call.integer(1);
  if (target > 0) {
    LITEBOX_OR_REPLY(const Receiver to, receiver(call, 0, target));
    return send_to_process(call, to.process, {signal, {}, {}});
  }
  if (target == -1) return send_to_all(call, signal);
  if (target == 0) return send_to_group(call, HostPid(::getpgid(call.process.value())), {signal, {}, {}});
  if (target == INT_MIN) return Reply::error(ESRCH);
  return send_to_group(call, call.world.to_host(VirtualPid(-target)), {signal, {}, {}});
}

Reply sys_tkill(Call& call) {
  if (call.integer(0) <= 0) return Reply::error(EINVAL);
  return kill_thread(call, 0, call.integer(0), call.integer(1));
}

Reply sys_tgkill(Call& call) {
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return Reply::error(EINVAL);
  return kill_thread(call, call.integer(0), call.integer(1), call.integer(2));
}

Reply sys_rt_sigqueueinfo(Call& call) {
  const int target = call.integer(0);
  LITEBOX_OR_REPLY(const OutgoingSignal signal, read_signal(call, call.integer(1), call.address(2)));
  if (impersonates(*signal.information) && call.world.to_host(VirtualPid(target)) != call.thread) return Reply::error(EPERM);
  LITEBOX_OR_REPLY(const Receiver to, receiver(call, 0, target));
  return send_to_process(call, to.process, signal);
}

Reply sys_rt_tgsigqueueinfo(Call& call) {
  LITEBOX_OR_REPLY(const OutgoingSignal signal, read_signal(call, call.integer(2), call.address(3)));
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return Reply::error(EINVAL);
  if (impersonates(*signal.information) && call.world.to_host(VirtualPid(call.integer(1))) != call.thread) {
    return Reply::error(EPERM);
  }
  LITEBOX_OR_REPLY(const Receiver to, receiver(call, call.integer(0), call.integer(1)));
  return send_to_thread(call, to.process, to.thread, signal);
}

}  // namespace litebox::syscalls
