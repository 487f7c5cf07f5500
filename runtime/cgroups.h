// The cgroups of one container: made, limited, joined, emptied and removed.
//
// In each hierarchy the container has a directory for the keeper and the guests, and in those that limit or count what it uses
// the monitor has one beside it, so that limits, the freezer, the OOM killer and statistics concern the guests only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/resources.h"
#include "runtime/cgroup_hierarchy.h"

namespace litebox::runtime {

struct CgroupDirectories {
  std::vector<std::string> container;  // absolute paths
  std::vector<std::string> monitor;
  std::vector<std::string> parents;  // above them, missing until now; a deeper one later
  std::vector<std::string> special;  // where these are mounted, mkdir(2) alone does not make a usable one: v2, cpuset
};

// True when the resources hold a limit, device rules aside: those an ordinary user's container cannot break anyway.
bool asks_for_limits(const oci::Resources& resources);

// Where the cgroups will be; touches nothing. A v2 hierarchy beside v1 ones, and cpuset, which is slow to make, are left out
// unless `resources` needs them.
CgroupDirectories plan_cgroups(const std::vector<CgroupHierarchy>& hierarchies, const std::string& path,
                               const oci::Resources& resources);

// Those of a plan that the caller may make: an ordinary user is given some hierarchies, or none.
CgroupDirectories permitted_cgroups(const CgroupDirectories& plan);

// Makes what is planned. An error leaves what was made so far to remove_cgroups(). EACCES, EPERM or EROFS: not permitted here.
Status make_cgroups(const CgroupDirectories& directories);

// Writes the limits, device rules for both. An error names the file; a controller that is not there is an error too.
Status apply_resources(const CgroupDirectories& directories, const oci::Resources& resources);

// Moves a process into each of the directories.
Status join_cgroups(const std::vector<std::string>& directories, pid_t pid);
// Moves the calling process, which has one thread only: where it can do so by itself, it does not wait for all processors, as
// whoever moves another does (kernel/cgroup/cgroup.c cgroup_procs_write_start()).
Status enter_cgroups(const std::vector<std::string>& directories);

// The processes in the directories and below, each once.
std::vector<pid_t> cgroup_processes(const std::vector<std::string>& directories);

// Removes the directories with what is below them, then those parents that are empty. EBUSY when processes are left.
Status remove_cgroups(const CgroupDirectories& directories);

}  // namespace litebox::runtime
