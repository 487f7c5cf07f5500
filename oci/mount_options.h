// The mount options that do not belong to a file system.
//
// Source: runtime-spec 1.3, config.md "Linux mount options"; mount(8). What is not listed here is the file system's own option,
// "size=64k" for one.
#pragma once

#include <span>
#include <string_view>

namespace litebox::oci {

enum class MountOptionKind {
  flag,         // of the mount: ro, nosuid, nodev, noexec, nosymfollow, access times, their opposites; an r before it for a
                // whole tree of mounts
  storage,      // of the host's file system behind the mount, which keeps to its own: sync, lazytime, iversion, ...
  bind,         // bind, rbind
  remount,      // remount
  propagation,  // shared, slave, private, unbindable, with r before them
  id_mapping,   // idmap, ridmap
  copy_up,      // tmpcopyup
};

struct MountOption {
  std::string_view name;
  MountOptionKind kind;
};

// In alphabetical order.
std::span<const MountOption> mount_options();

// The option of this name, or null.
const MountOption* find_mount_option(std::string_view name);

}  // namespace litebox::oci
