// Namespaces of config.json that have a path: whose world the container joins.
//
// litebox makes no pid, ipc, uts or cgroup namespace: /proc/<pid>/ns/uts of a container shows the host's. What a caller means
// by such a path is the container that the process is in, so that is looked for: by its keeper's pid, which callers know, or by
// a guest's. The path of a process in no container, whose namespace is this process's own, means the host.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/linux.h"

namespace litebox::runtime {

// State directories of containers below the same root; empty: a world of the container's own.
struct JoinedWorlds {
  std::string uts;
  std::string pid;
};

// An error, naming the field, for the namespace of what is no litebox container. `warnings` gets what cannot be shared.
Result<JoinedWorlds> find_joined_worlds(const std::string& root, const oci::Linux& config, std::vector<std::string>& warnings);

}  // namespace litebox::runtime
