// The processor clocks of other processes (clock_getcpuclockid(3)): clock_gettime(2), clock_getres(2), clock_nanosleep(2),
// timer_create(2) with a clock number that names a process.
//
// The number is a register, so once the process is known to be a member the call goes on natively.
#include "shim/syscalls/call.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// include/linux/posix-timers.h: the complement of the process id above three bits of kind.
constexpr unsigned kKindBits = 3;

Reply with_process_clock(const Call& call) {
  const int clock = call.integer(0);
  const int named = ~(clock >> kKindBits);
  const auto process = named_thread(call, named);
  if (!process.ok()) return Reply::error(EINVAL);
  if (process->value() == named || named == 0) return Reply::proceed();
  std::array<uint64_t, 6> arguments = call.arguments;
  const unsigned kind = static_cast<unsigned>(clock) & ((1U << kKindBits) - 1);
  arguments[0] = static_cast<uint32_t>(~static_cast<unsigned>(process->value()) << kKindBits | kind);
  return Reply::in_guest(call.number, arguments);
}

}  // namespace

Reply sys_clock_gettime(Call& call) { return with_process_clock(call); }
Reply sys_clock_getres(Call& call) { return with_process_clock(call); }
Reply sys_clock_nanosleep(Call& call) { return with_process_clock(call); }
Reply sys_timer_create(Call& call) { return with_process_clock(call); }

}  // namespace litebox::syscalls
