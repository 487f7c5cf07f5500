// Who a notification comes from: thread id to pidfd and thread group, remembered while the thread lives.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/world.h"

namespace litebox::monitor {

class ThreadEntry {
 public:
  ThreadEntry(HostPid thread, Fd pidfd, HostPid process) : thread_(thread), pidfd_(std::move(pidfd)), process_(process) {}

  int pidfd() const { return pidfd_.get(); }    // of the thread (PIDFD_THREAD where the kernel has it)
  HostPid process() const { return process_; }  // its thread group
  // World::state_of() the thread, asked again only after a change of some state. Of a thread that is known to live.
  Result<kernel::ProcessStatePtr> state(const kernel::World& world) const;

 private:
  HostPid thread_;
  Fd pidfd_;
  HostPid process_;
  mutable std::mutex mutex_;
  mutable uint64_t version_ = 0;  // of state_
  mutable kernel::ProcessStatePtr state_;
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
