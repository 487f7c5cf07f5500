// What `state` and `list` print of a container, and what hooks read.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "runtime/state_directory.h"

namespace litebox::runtime {

// runtime-spec runtime.md "State", with runc's additions rootfs, created and owner.
struct StateReport {
  std::string oci_version;
  std::string id;
  int pid = 0;  // the keeper's: the process that callers wait for; 0 when stopped
  std::string status;
  std::string bundle;
  std::string rootfs;
  std::string created;
  std::map<std::string, std::string> annotations;
  std::string owner;
};

// ENOENT ("container does not exist") when `create` was killed before it wrote anything.
Result<StateReport> report_state(const StateDirectory& directory);

nlohmann::ordered_json report_to_json(const StateReport& report);

// The state JSON of runtime-spec alone, one line, as hooks get it on standard input.
std::string hook_state(const StateRecord& record, std::string_view status, int pid);

}  // namespace litebox::runtime
