#include "oci/mount_options.h"

#include <algorithm>
#include <iterator>

namespace litebox::oci {
namespace {

constexpr MountOption kOptions[] = {
    {"async", MountOptionKind::storage},
    {"atime", MountOptionKind::flag},
    {"bind", MountOptionKind::bind},
    {"defaults", MountOptionKind::storage},
    {"dev", MountOptionKind::flag},
    {"diratime", MountOptionKind::flag},
    {"dirsync", MountOptionKind::storage},
    {"exec", MountOptionKind::flag},
    {"idmap", MountOptionKind::id_mapping},
    {"iversion", MountOptionKind::storage},
    {"lazytime", MountOptionKind::storage},
    {"loud", MountOptionKind::storage},
    {"mand", MountOptionKind::storage},
    {"noatime", MountOptionKind::flag},
    {"nodev", MountOptionKind::flag},
    {"nodiratime", MountOptionKind::flag},
    {"noexec", MountOptionKind::flag},
    {"noiversion", MountOptionKind::storage},
    {"nolazytime", MountOptionKind::storage},
    {"nomand", MountOptionKind::storage},
    {"norelatime", MountOptionKind::flag},
    {"nostrictatime", MountOptionKind::flag},
    {"nosuid", MountOptionKind::flag},
    {"nosymfollow", MountOptionKind::flag},
    {"private", MountOptionKind::propagation},
    {"ratime", MountOptionKind::flag},
    {"rbind", MountOptionKind::bind},
    {"rdev", MountOptionKind::flag},
    {"rdiratime", MountOptionKind::flag},
    {"relatime", MountOptionKind::flag},
    {"remount", MountOptionKind::remount},
    {"rexec", MountOptionKind::flag},
    {"ridmap", MountOptionKind::id_mapping},
    {"rnoatime", MountOptionKind::flag},
    {"rnodev", MountOptionKind::flag},
    {"rnodiratime", MountOptionKind::flag},
    {"rnoexec", MountOptionKind::flag},
    {"rnorelatime", MountOptionKind::flag},
    {"rnostrictatime", MountOptionKind::flag},
    {"rnosuid", MountOptionKind::flag},
    {"rnosymfollow", MountOptionKind::flag},
    {"ro", MountOptionKind::flag},
    {"rprivate", MountOptionKind::propagation},
    {"rrelatime", MountOptionKind::flag},
    {"rro", MountOptionKind::flag},
    {"rrw", MountOptionKind::flag},
    {"rshared", MountOptionKind::propagation},
    {"rslave", MountOptionKind::propagation},
    {"rstrictatime", MountOptionKind::flag},
    {"rsuid", MountOptionKind::flag},
    {"rsymfollow", MountOptionKind::flag},
    {"runbindable", MountOptionKind::propagation},
    {"rw", MountOptionKind::flag},
    {"shared", MountOptionKind::propagation},
    {"silent", MountOptionKind::storage},
    {"slave", MountOptionKind::propagation},
    {"strictatime", MountOptionKind::flag},
    {"suid", MountOptionKind::flag},
    {"symfollow", MountOptionKind::flag},
    {"sync", MountOptionKind::storage},
    {"tmpcopyup", MountOptionKind::copy_up},
    {"unbindable", MountOptionKind::propagation},
};

}  // namespace

std::span<const MountOption> mount_options() { return kOptions; }

const MountOption* find_mount_option(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kOptions), std::end(kOptions), [&](const MountOption& option) { return option.name == name; });
  return found == std::end(kOptions) ? nullptr : found;
}

}  // namespace litebox::oci
