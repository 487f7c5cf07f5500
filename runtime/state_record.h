// state.json of the state directory: what later commands must know about a container.
//
// The status is not in it: that is computed from the processes (runtime/status.h). Everything that `delete --force` must find
// again is written here before it is made.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/process_identity.h"

namespace litebox::runtime {

struct StateRecord {
  std::string id;
  std::string oci_version;
  std::string bundle;   // absolute
  std::string rootfs;   // absolute
  std::string created;  // oci::format_time()
  std::string owner;    // the user's name
  std::map<std::string, std::string> annotations;
  ProcessIdentity creator;  // the create or run command, until `complete`
  ProcessIdentity keeper;
  ProcessIdentity monitor;
  bool complete = false;    // `create` has succeeded
  uint32_t membership = 0;  // runtime/membership.h; 0: not known yet
  std::string cgroup_path;  // below each hierarchy's mount point: "/litebox/id"
  // Directories that were made for the container, the deepest last within each hierarchy.
  std::vector<std::string> container_cgroups;
  std::vector<std::string> monitor_cgroups;
  std::vector<std::string> parent_cgroups;  // made on the way there: removed when they are empty
};

std::string record_to_json(const StateRecord& record);
Result<StateRecord> record_from_json(std::string_view json);

}  // namespace litebox::runtime
