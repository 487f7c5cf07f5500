// Pause and resume through the freezer of cgroup v1 (freezer.state) or v2 (cgroup.freeze).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::runtime {

// All take the container's cgroup directories; the one with a freezer is used.
bool has_freezer(const std::vector<std::string>& cgroups);
bool is_frozen(const std::vector<std::string>& cgroups);

// Returns once every process is frozen, or none is. ENOTSUP without a freezer; ETIMEDOUT after three seconds.
Status freeze(const std::vector<std::string>& cgroups);
Status thaw(const std::vector<std::string>& cgroups);

}  // namespace litebox::runtime
