// The statistics of a container's cgroups, as `events --stats` prints them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::runtime {

// One line: {"type":"stats","id":ID,"data":{...}} with runc's names (runc types/events.go). A controller that is not there
// leaves its part at zero. "container not running" when it has stopped.
Result<std::string> statistics_event(const std::string& root, const std::string& id);

// The data alone, of these cgroup directories (v1 or v2).
std::string statistics_of(const std::vector<std::string>& cgroups);

}  // namespace litebox::runtime
