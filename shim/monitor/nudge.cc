#include "shim/monitor/nudge.h"

#include "shim/guest/abi.h"

namespace litebox::monitor {

Status exchange_registers(const Listener& listener, const WaitingCall& call,
                          const std::function<void(user_regs_struct&)>& change) {
  LITEBOX_ASSIGN(const StoppedThread thread, StoppedThread::stop(listener, call, -EINTR));
  LITEBOX_ASSIGN(user_regs_struct registers, thread.registers());
  // The thread is elsewhere (a signal handler's frame was built first): its call has returned the dummy answer.
  if (registers.rip != call.instruction_pointer) return Error(EAGAIN);
  change(registers);
  registers.orig_rax = static_cast<unsigned long long>(-1);
  return thread.set_registers(registers);
}

user_regs_struct nudged(const user_regs_struct& original, int64_t number, const std::array<uint64_t, 6>& arguments,
                        uint64_t nudge) {
  user_regs_struct registers = original;
  registers.rax = static_cast<unsigned long long>(number);
  registers.rdi = arguments[0];
  registers.rsi = arguments[1];
  registers.rdx = arguments[2];
  registers.r10 = arguments[3];
  registers.r8 = arguments[4];
  registers.r9 = arguments[5];
  registers.r15 = nudge;
  registers.rip = abi::kNudgeEntry;
  return registers;
}

}  // namespace litebox::monitor
