// Work for when a process has ended, whoever reaps it: what System V semaphores undo.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

// Thread-safe; a thread of its own waits, from the first process on.
class ExitWatch {
 public:
  // Calls `ended` once, in the watching thread, when `process` has ended. ESRCH when it has already.
  Status watch(HostPid process, std::function<void()> ended);

 private:
  struct Watched {
    Fd pidfd;
    std::function<void()> ended;
  };

  Status start();
  [[noreturn]] void run();

  std::mutex mutex_;
  Fd poll_;
  std::map<int, Watched> watched_;  // by pidfd
};

}  // namespace litebox::kernel
