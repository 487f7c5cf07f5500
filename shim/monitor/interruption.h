// Ending a call that the monitor carries out for a thread which has a signal to handle.
//
// Such a thread waits inside its notification, where only a fatal signal reaches it. Its call is answered with one of the
// kernel's restart codes from within a ptrace stop: on its way out of the stop the kernel looks for signals itself and
// repeats the call or lets it fail with EINTR, by the rules of signal(7) (arch/x86/kernel/signal.c handle_signal()). If another
// thread has taken the signal meanwhile, the call is simply repeated. Without the stop, a code could reach the program.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/stopped_thread.h"

namespace litebox::monitor {

// Whether an answer is a restart code, which must not be sent in any other way.
bool is_restart_code(int64_t answer);

// Answers with the restart code `answer`. EPERM: another thread of the monitor traces the thread; nothing has been answered.
// Any other error: the thread has died.
Status interrupt_call(const Listener& listener, const WaitingCall& call, int64_t answer);

}  // namespace litebox::monitor
