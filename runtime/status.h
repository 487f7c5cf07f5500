// The status of a container, computed from what is true now: its keeper's life, its cgroup's freezer, its monitor's word.
//
// States: runtime-spec runtime.md "State". A keeper that is a zombie, or a monitor that is gone, means stopped.
#pragma once

#include <string_view>

#include "runtime/state_directory.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

enum class ContainerStatus { creating, created, running, paused, stopped };

std::string_view status_name(ContainerStatus status);

ContainerStatus compute_status(const StateDirectory& directory, const StateRecord& record);

inline bool can_start(ContainerStatus status) { return status == ContainerStatus::created; }
inline bool can_exec(ContainerStatus status) {
  return status == ContainerStatus::created || status == ContainerStatus::running;
}
inline bool can_kill(ContainerStatus status) { return status != ContainerStatus::stopped; }
inline bool can_pause(ContainerStatus status) {
  return status == ContainerStatus::created || status == ContainerStatus::running;
}
inline bool can_delete(ContainerStatus status) {
  return status == ContainerStatus::stopped || status == ContainerStatus::created;
}

}  // namespace litebox::runtime
