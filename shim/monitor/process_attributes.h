// What of an OCI Process the kernel keeps for a process, set from outside before its program runs: limits, scheduling, I/O
// priority, processors, the OOM score.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "oci/process.h"

namespace litebox::monitor {

// Sources: prlimit(2), sched_setattr(2), ioprio_set(2), proc(5). The error names the field: "process.rlimits: RLIMIT_NOFILE:
// Operation not permitted".
Status set_attributes(HostPid process, const oci::Process& from);

// Confines the process to the processors of a list as cpuset(7) writes it ("0-3,7"); `field` is for the error.
Status set_processors(HostPid process, const std::string& list, const std::string& field);

}  // namespace litebox::monitor
