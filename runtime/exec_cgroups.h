// The cgroups that `exec --cgroup` names: groups below the container's own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/cgroup_hierarchy.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

// Whether a directory exists.
using DirectoryTest = std::function<bool(const std::string& path)>;

// For each of the container's cgroups the directory that the process is to join, given the values of --cgroup: one PATH for
// every hierarchy that has it, or CONTROLLER[,CONTROLLER...]:PATH for some of them, each below the container's own group. Where
// nothing is said: its own group. Errors as runc words them.
Result<std::vector<std::string>> exec_cgroups(const std::vector<CgroupHierarchy>& hierarchies, const StateRecord& record,
                                              const std::vector<std::string>& wanted, const DirectoryTest& exists);

}  // namespace litebox::runtime
