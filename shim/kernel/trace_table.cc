#include "shim/kernel/trace_table.h"

namespace litebox::kernel {

void TraceTable::add(HostPid tracee, TracerIds tracer) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (by_tracee_.insert_or_assign(tracee, tracer).second) count_locked(tracer.process, 1);
}

void TraceTable::remove(HostPid tracee) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = by_tracee_.find(tracee);
  if (found == by_tracee_.end()) return;
  count_locked(found->second.process, -1);
  by_tracee_.erase(found);
}

void TraceTable::hold(HostPid process) {
  const std::lock_guard<std::mutex> guard(mutex_);
  count_locked(process, 1);
}

void TraceTable::release(HostPid process) {
  const std::lock_guard<std::mutex> guard(mutex_);
  count_locked(process, -1);
}

std::optional<TracerIds> TraceTable::tracer_of(HostPid thread) const {
  if (!any_) return std::nullopt;
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = by_tracee_.find(thread);
  if (found == by_tracee_.end()) return std::nullopt;
  return found->second;
}

bool TraceTable::is_tracer(HostPid process) const {
  if (!any_) return false;
  const std::lock_guard<std::mutex> guard(mutex_);
  return tracers_.count(process) != 0;
}

void TraceTable::count_locked(HostPid process, int change) {
  if ((tracers_[process] += change) <= 0) tracers_.erase(process);
  any_ = !tracers_.empty();
}

}  // namespace litebox::kernel
