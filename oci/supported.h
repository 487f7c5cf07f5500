// What of a well-formed config.json litebox can do: the one list of what it knows and does not support.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/config.h"

namespace litebox::oci {

// Refuses a config that asks for what litebox does not do, with one line that names the field. What is asked for and can be
// left out without harm (a capability that nobody inside can be given) is told in `warnings`, one line each, and is no error.
//
// Not decided here, because it depends on the host or on the caller's privilege: joining a network namespace by its path,
// applying limits to cgroups, mapping the ids of a mount.
Status check_supported(const Config& config, std::vector<std::string>& warnings);

// The same for the process of `exec`.
Status check_process_supported(const Process& process, std::vector<std::string>& warnings);

}  // namespace litebox::oci
