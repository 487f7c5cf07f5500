// The options of one entry of config.json's "mounts", as what is to be done.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "oci/config.h"
#include "rootfs/tree.h"

namespace litebox::rootfs {

// MOUNT_ATTR_* of mount_setattr(2).
struct MountAttributes {
  uint64_t set = 0;
  uint64_t clear = 0;
};

struct MountOptions {
  MountFlags flags;           // what litebox enforces itself
  MountAttributes top;        // for the mount that is made, where the kernel can enforce it
  MountAttributes recursive;  // for all mounts below it, too ("rro", ...)
  bool bind = false;
  bool with_submounts = false;  // rbind
  bool remount = false;
  bool copy_up = false;
  std::vector<std::pair<std::string, std::string>> data;  // the file system's own; no value: ""
};

// Of two options that contradict each other the later one counts. Propagation has no meaning in a tree that no other shares.
MountOptions parse_mount_options(const oci::Mount& mount);

// The options of the super block as mountinfo shows them in its last field: "rw,size=64k".
std::string super_options(const MountOptions& options);

}  // namespace litebox::rootfs
