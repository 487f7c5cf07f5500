// The cgroups that `exec --cgroup` names: groups below the container's own.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/cgroup_hierarchy.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

// For each of the container's cgroups the directory that the process is to join, given the values of --cgroup: one PATH for all
// hierarchies, or CONTROLLER[,CONTROLLER...]:PATH for some of them, each below the container's own group. No value: its own
// groups. Errors as runc words them.
Result<std::vector<std::string>> exec_cgroups(const std::vector<CgroupHierarchy>& hierarchies, const StateRecord& record,
                                              const std::vector<std::string>& wanted);

}  // namespace litebox::runtime
