// A guest thread that waits in a notification, fetched into a ptrace stop.
//
// Its wait is ended with an answer while the stop is pending already, so that nothing comes between the two: the thread stops
// on its way out of the call. The order of steps is that of reference measurements: SEIZE, INTERRUPT, answer, wait.
#pragma once

#include <sys/user.h>

#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "shim/monitor/listener.h"

namespace litebox::monitor {

// What has to be known about the waiting call.
struct WaitingCall {
  HostPid thread;
  bool direct_child = false;  // of this process: its exit is reaped elsewhere
  uint64_t notification_id = 0;
  uint64_t instruction_pointer = 0;
};

// Owned by the thread that made it, which is the tracer to the kernel; goes on at the end of its scope.
class StoppedThread {
 public:
  // ESRCH: the thread has died. EPERM: it may not be traced (another thread of the monitor traces it); the call then has not
  // been answered.
  static Result<StoppedThread> stop(const Listener& listener, const WaitingCall& call, int64_t answer);

  StoppedThread(StoppedThread&& other) noexcept : thread_(other.thread_), direct_child_(other.direct_child_) {
    other.thread_ = HostPid();
  }
  StoppedThread& operator=(StoppedThread&&) = delete;
  ~StoppedThread();

  Result<user_regs_struct> registers() const;
  Status set_registers(const user_regs_struct& registers) const;

 private:
  StoppedThread(HostPid thread, bool direct_child) : thread_(thread), direct_child_(direct_child) {}
  HostPid thread_;
  bool direct_child_;
};

}  // namespace litebox::monitor
