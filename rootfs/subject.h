// On whose behalf the tree is asked: the calling task's virtual credentials and ids.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.h"

namespace litebox::rootfs {

// What a permission check looks at (credentials(7)): file system ids, supplementary groups, effective capabilities.
// Ids are the container's own. `capabilities` is a bit per CAP_* number.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  uint64_t capabilities = 0;

  bool has(int capability) const { return ((capabilities >> capability) & 1U) != 0; }
  bool in_group(gid_t group) const;
};

struct Subject {
  std::shared_ptr<const Identity> identity;
  HostPid thread_group;  // what /proc/self names
  HostPid thread;        // what /proc/thread-self names
  mode_t umask = 022;
};

// Whoever makes the container, for whom nothing is forbidden: root with every capability.
Subject runtime_subject(mode_t umask = 022);

}  // namespace litebox::rootfs
