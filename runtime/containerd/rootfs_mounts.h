// The mounts that a snapshotter describes, made at a bundle's rootfs and undone: mount(2) with the options of mount(8).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::containerd {

struct MountRequest {
  std::string type;
  std::string source;
  std::string target;  // below the rootfs; empty: the rootfs itself
  std::vector<std::string> options;
};

struct MountArguments {
  unsigned long flags = 0;        // MS_*
  unsigned long propagation = 0;  // MS_PRIVATE ... in a call of its own
  std::string data;
};

MountArguments parse_mount_options(const std::vector<std::string>& options);

// The longest directory that is above all lower directories of an overlay's data; empty when there is none.
std::string common_lower_directory(const std::string& data);
// The same data with the lower directories relative to it.
std::string with_relative_lower_directories(const std::string& data, const std::string& directory);

// Changes the working directory of the caller where an overlay has more layers than fit into one page: for children of the
// shim. What was mounted before an error stays, for unmount_rootfs().
Status mount_rootfs(const std::vector<MountRequest>& mounts, const std::string& rootfs);

// Everything mounted at `rootfs` and below; nothing mounted is success.
Status unmount_rootfs(const std::string& rootfs);

}  // namespace litebox::containerd
