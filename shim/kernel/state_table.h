// The table of process states and the tag by which each process carries its own (process_state.h).
#pragma once

#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/process_state.h"
#include "shim/kernel/thread_credentials.h"

namespace litebox::kernel {

// A tag is this container's random prefix (the upper 32 bits, never all ones) and a state's number.
class StateTable {
 public:
  StateTable();

  // The tag that a process or thread carries, if it is this container's: one prlimit(2). This is the membership test.
  std::optional<uint64_t> tag_of(HostPid process) const;
  // The state of a process or thread, with the credentials that are a thread's own; ESRCH for one that is not a member.
  Result<ProcessStatePtr> find(HostPid process);

  // Differs after every change of a state: what find() has said of a living thread holds as long as this stays the same. 0
  // while threads of a process differ: then nothing holds.
  uint64_t version() const { return own_.any() ? 0 : version_.load(std::memory_order_acquire); }

  // Gives `process` the state.
  Status assign(HostPid process, ProcessStatePtr state);
  // What all threads of a process share; their own credentials stay.
  Status update(HostPid process, const std::function<Status(ProcessState&)>& change);
  // What is a thread's own: of what `change` does to the state, the credentials stay with the thread when there are others.
  Status update_credentials(HostPid process, HostPid thread, const std::function<Status(ProcessState&)>& change);
  // The process has executed a program: the threads that had credentials of their own are gone.
  void forget_threads(HostPid process);

  // The upper half of a process's tag, whichever container's: what it carries where it belongs to none means nothing.
  static std::optional<uint32_t> prefix_of(HostPid process);

  // The upper half of every tag of this container.
  uint32_t prefix() const { return prefix_; }
  size_t size() const;

 private:
  // The state that the tag says, of all threads.
  Result<ProcessStatePtr> carried(HostPid process) const;
  Result<ProcessStatePtr> find_locked(HostPid process, int depth = 0);
  Result<ProcessStatePtr> inherited_locked(HostPid process, HostPid from, const ProcessStatePtr& state, int depth);
  Status assign_locked(HostPid process, ProcessStatePtr state);
  void collect_locked();

  const uint32_t prefix_;
  mutable std::shared_mutex table_mutex_;  // guards states_
  std::recursive_mutex change_mutex_;      // serialises changes: no tag moves while it is held
  ThreadCredentials own_;                  // guarded by it, too
  std::unordered_map<uint32_t, ProcessStatePtr> states_;
  uint32_t next_ = 1;
  size_t collect_at_ = 256;
  std::atomic<uint64_t> version_{1};
};

// Every process on the host, by id, as /proc lists them.
std::vector<HostPid> host_processes();

}  // namespace litebox::kernel
