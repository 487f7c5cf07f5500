// The status of a container, computed from what is true now: its keeper's life, its cgroup's freezer, its monitor's word.
//
// States: runtime-spec runtime.md "State". A keeper that is a zombie, or a monitor that is gone, means stopped.
#pragma once

#include <optional>

#include "oci/state.h"
#include "runtime/control_client.h"
#include "runtime/state_directory.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

using oci::ContainerStatus;

// A connection on which the monitor was asked, and has answered, is left in `connection`.
ContainerStatus compute_status(const StateDirectory& directory, const StateRecord& record,
                               std::optional<ControlClient>* connection = nullptr);

// What `state` and `list` print. The pid is the keeper's, the process that callers wait for; 0 when stopped.
oci::State make_state(const StateRecord& record, ContainerStatus status);

// Both in one. "container does not exist" when `create` was killed before it wrote anything.
Result<oci::State> read_state(const StateDirectory& directory);

// The record of a container, or the error of read_state().
Result<StateRecord> read_existing_record(const StateDirectory& directory);

}  // namespace litebox::runtime
