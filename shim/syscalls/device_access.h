// Which devices a container may use: the rules of the device cgroup (runtime-spec, config-linux.md "Allowed Device list"),
// applied where litebox itself opens and makes device nodes on a guest's behalf.
//
// The kernel's device cgroup would look at the cgroup of the task that opens the device, which is the monitor.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "oci/config.h"

namespace litebox::syscalls {

struct DeviceAccess {
  bool read = false;
  bool write = false;
  bool make = false;  // mknod(2)
};

// EPERM unless the rules allow all of `access` to the device. `type` is S_IFCHR or S_IFBLK. Everything is denied first; then
// the container's rules apply in order, the last one that matches deciding, and then those of the default devices.
Status check_device_access(const oci::Config& config, mode_t type, dev_t device, DeviceAccess access);

}  // namespace litebox::syscalls
