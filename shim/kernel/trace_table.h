// Who traces whom inside the container, as ptrace(2) of the guests has it. To the kernel, the monitor's tracing thread is the
// tracer of every traced guest (shim/monitor/tracer.h); what guests are told is in this table. Thread-safe.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/ids.h"

namespace litebox::kernel {

struct TracerIds {
  HostPid thread;   // the one that may make requests
  HostPid process;  // whose threads may all wait
};

class TraceTable {
 public:
  void add(HostPid tracee, TracerIds tracer);
  void remove(HostPid tracee);
  // Announces a process that is about to trace or has something to collect still, so that its waits are looked at.
  void hold(HostPid process);
  void release(HostPid process);

  // Who traces a thread, if anyone does.
  std::optional<TracerIds> tracer_of(HostPid thread) const;
  // Whether the waits of a process concern tracees. Costs nothing while nobody traces.
  bool is_tracer(HostPid process) const;

 private:
  void count_locked(HostPid process, int change);

  mutable std::mutex mutex_;
  std::atomic<bool> any_{false};
  std::unordered_map<HostPid, TracerIds> by_tracee_;
  std::unordered_map<HostPid, int> tracers_;  // process -> how many reasons it has
};

}  // namespace litebox::kernel
