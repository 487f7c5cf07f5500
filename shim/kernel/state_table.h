// The table of process states and the tag by which each process carries its own (process_state.h).
#pragma once

#include <sys/resource.h>

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

namespace litebox::kernel {

// A tag is this container's random prefix (the upper 32 bits, never all ones) and a state's number.
class StateTable {
 public:
  StateTable();

  // The tag that a process or thread carries, if it is this container's: one prlimit(2). This is the membership test.
  std::optional<uint64_t> tag_of(HostPid process) const;
  // ESRCH for a process that is not a member.
  Result<ProcessStatePtr> find(HostPid process) const;

  // Gives `process` the state.
  Status assign(HostPid process, ProcessStatePtr state);
  Status update(HostPid process, const std::function<Status(ProcessState&)>& change);

  // The upper half of a process's tag, whichever container's: what it carries where it belongs to none means nothing.
  static std::optional<uint32_t> prefix_of(HostPid process);

  // The upper half of every tag of this container.
  uint32_t prefix() const { return prefix_; }
  size_t size() const;

 private:
  Status assign_locked(HostPid process, ProcessStatePtr state);
  void collect_locked();

  const uint32_t prefix_;
  mutable std::shared_mutex table_mutex_;  // guards states_
  std::mutex change_mutex_;                // serialises changes: no tag moves while it is held
  std::unordered_map<uint32_t, ProcessStatePtr> states_;
  uint32_t next_ = 1;
  size_t collect_at_ = 256;
};

// Every process on the host, by id, as /proc lists them.
std::vector<HostPid> host_processes();

}  // namespace litebox::kernel
