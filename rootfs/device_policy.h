// Which device nodes a container may use: what the kernel's device cgroup decides for a native container.
//
// The monitor opens files for the guests and is in no device cgroup, so it asks here. The rules are config.json's
// linux.resources.devices, in order, over a start of "nothing", then the devices that every container has (runtime-spec,
// config-linux.md, "Default Devices" and "Allowed Device list"). Where config.json has no rules, linux.devices may be used;
// for an ordinary user the host's own permissions then decide.
#pragma once

#include <sys/types.h>

#include <vector>

#include "oci/linux.h"

namespace litebox::rootfs {

class DevicePolicy {
 public:
  DevicePolicy(const oci::Linux& config, bool privileged);

  // `type`: S_IFCHR or S_IFBLK. `access` of R_OK, W_OK for opening.
  bool may_open(mode_t type, dev_t device, int access) const;
  bool may_make(mode_t type, dev_t device) const;

 private:
  bool allows(mode_t type, dev_t device, unsigned access) const;

  struct Rule {
    oci::DeviceRule rule;
    unsigned access;  // kRead, kWrite, kMake
  };
  std::vector<Rule> rules_;
};

}  // namespace litebox::rootfs
