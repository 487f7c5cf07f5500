// Who a notification comes from: thread id to pidfd and thread group, remembered while the thread lives.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

namespace litebox::monitor {

struct ThreadEntry {
  Fd pidfd;         // of the thread (PIDFD_THREAD where the kernel has it)
  HostPid process;  // its thread group
};

class ThreadCache {
 public:
  // The entry of a thread that waits in a notification right now. An entry whose thread has ended is replaced: a reused
  // thread id never gets another thread's entry. ESRCH, or EMFILE when the monitor's descriptors are all in use.
  Result<std::shared_ptr<const ThreadEntry>> find(HostPid thread);

 private:
  void clear();

  std::mutex mutex_;
  std::unordered_map<HostPid, std::shared_ptr<const ThreadEntry>> entries_;
};

}  // namespace litebox::monitor
