// linux.resources of config.json as texts to write into the control files of a cgroup.
//
// Source: runtime-spec config-linux.md "Control groups"; the kernel's admin-guide/cgroup-v1 and cgroup-v2.rst. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/resources.h"

namespace litebox::runtime {

struct CgroupSetting {
  std::string controller;  // "memory"
  std::string file;        // "memory.max"
  std::string text;
};

// In the order in which they are to be written. Zeros that engines write for "unset" (memory, cpu, blockIO) set nothing.
std::vector<CgroupSetting> cgroup_v1_settings(const oci::Resources& resources);

// EINVAL for a "unified" key that is no file name of a controller.
Result<std::vector<CgroupSetting>> cgroup_v2_settings(const oci::Resources& resources);

// The rules of the v1 devices controller, with those that every container has: a file (devices.allow, devices.deny) and a text
// each. None when config.json has none.
std::vector<CgroupSetting> device_settings(const std::vector<oci::DeviceRule>& rules);

}  // namespace litebox::runtime
