#include "shim/monitor/interruption.h"

#include "shim/kernel/pending_signals.h"

namespace litebox::monitor {

bool is_restart_code(int64_t answer) { return answer == -kernel::kRestartCall || answer == -kernel::kRestartCallUnlessHandled; }

Status interrupt_call(const Listener& listener, const WaitingCall& call, int64_t answer) {
  LITEBOX_ASSIGN(const StoppedThread thread, StoppedThread::stop(listener, call, answer));
  return {};
}

}  // namespace litebox::monitor
