#include "oci/features.h"

#include <nlohmann/json.hpp>

#include "oci/capabilities.h"
#include "oci/mount_options.h"
#include "oci/seccomp_names.h"
#include "oci/version.h"

namespace litebox::oci {
namespace {

using nlohmann::ordered_json;

ordered_json seccomp_features() {
  ordered_json result = {{"enabled", true}};
  for (const auto& [name, action] : kSeccompActions) {
    if (action != SeccompAction::notify) result["actions"].push_back(name);
  }
  for (const auto& [name, op] : kSeccompOperators) result["operators"].push_back(name);
  result["archs"] = kSeccompArchitectures;
  result["knownFlags"] = kSeccompFlags;
  for (const std::string_view flag : kSeccompFlags) {
    if (flag != "SECCOMP_FILTER_FLAG_LOG") result["supportedFlags"].push_back(flag);
  }
  return result;
}

ordered_json linux_features() {
  ordered_json result = {{"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}},
                         {"capabilities", capability_names(kAllCapabilities)},
                         {"cgroup", {{"v1", true}, {"v2", true}, {"systemd", false}, {"systemdUser", false}, {"rdma", true}}},
                         {"seccomp", seccomp_features()}};
  for (const char* name : {"apparmor", "selinux", "intelRdt"}) result[name]["enabled"] = false;
  result["mountExtensions"]["idmap"]["enabled"] = false;
  result["netDevices"]["enabled"] = false;
  return result;
}

}  // namespace

std::string features_to_json() {
  ordered_json result = {
      {"ociVersionMin", kOldestSpecVersion},
      {"ociVersionMax", kSpecVersion},
      {"hooks", {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}}};
  for (const MountOption& option : mount_options()) {
    if (option.kind != MountOptionKind::id_mapping) result["mountOptions"].push_back(option.name);
  }
  result["linux"] = linux_features();
  result["annotations"]["dev.litebox.version"] = LITEBOX_VERSION;
  return result.dump(4);
}

}  // namespace litebox::oci
