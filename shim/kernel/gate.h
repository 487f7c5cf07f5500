// Where a thread of the monitor waits on behalf of a guest until another call lets it pass: semop(2), msgrcv(2), msgsnd(2).
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <optional>

#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

class Gate {
 public:
  // Waits until open() has been called (true) or `deadline`, of CLOCK_MONOTONIC, has passed (false). The error is that of
  // run_interruptibly when the guest's thread `guest` has a signal to handle first.
  Result<bool> wait(HostPid guest, const std::optional<timespec>& deadline);
  void open();

 private:
  std::atomic<uint32_t> open_{0};
};

// The moment of CLOCK_MONOTONIC that is `after` from now.
timespec deadline_after(const timespec& after);

}  // namespace litebox::kernel
