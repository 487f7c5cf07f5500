// The end of a container: everything killed, everything removed. Works whatever has died before, and can be repeated.
#pragma once

#include "base/result.h"
#include "runtime/state_directory.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

// Kills the container with SIGKILL and returns when no process of it is left: guests, monitor and keeper. ETIMEDOUT after ten
// seconds.
Status end_container(const StateDirectory& directory, const StateRecord& record);

// Removes cgroups and the state directory of a container that has ended.
Status remove_container(StateDirectory& directory, const StateRecord& record);

// Runs the poststop hooks of the configuration; failures are warnings in the log.
void run_poststop_hooks(const std::string& config_text, const StateRecord& record);

// `delete`. Not stopped and no `force`: "cannot delete container ID that is not stopped: running". A missing container is an
// error ("container does not exist") unless `force`.
Status delete_container(const std::string& root, const std::string& id, bool force);

}  // namespace litebox::runtime
