// Builds the tree of one container from config.json: root, mounts in order, default devices, masked and read-only paths.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "oci/config.h"
#include "rootfs/host_file_system.h"
#include "rootfs/tree.h"
#include "rootfs/view.h"

namespace litebox::rootfs {

struct TreeOptions {
  Ownership ownership = Ownership::native;
  std::shared_ptr<const IdMaps> ids;  // of the container's user namespace; null: ids are the host's
  std::string bundle;                 // absolute; relative root.path and bind sources start here
  std::string scratch;  // a private directory of this container (0700), for tmpfs without privilege and synthetic directories
  bool may_mount = false;               // CAP_SYS_ADMIN: a tmpfs is a real, detached one with its size limit
  const ContainerView* view = nullptr;  // what /proc and /sys show; outlives the tree
  int terminal = -1;                    // an end of the process's terminal, which becomes /dev/console; borrowed
};

// The maps of a container's user namespace; null where it has none, or one that leaves every id as it is.
std::shared_ptr<const IdMaps> maps_of(const oci::Linux& linux);

// Mountpoints that are missing are made, as directories or empty files, in the tree that they lie in. An error is one line
// that names the field: "mounts[3] (/data): /srv/data: No such file or directory". Single-threaded, before guests run; changes
// neither the host's mounts nor its mount namespaces.
Result<std::shared_ptr<Tree>> build_tree(const oci::Config& config, const TreeOptions& options);

}  // namespace litebox::rootfs
