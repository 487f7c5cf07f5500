#include "shim/syscalls/mount_flags.h"

#include <sys/mount.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

namespace litebox::syscalls {
namespace {

using rootfs::MountFlag;
using rootfs::MountFlags;

constexpr unsigned long kAccessTimes = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;
constexpr MountFlag MountFlags::*kLockable[] = {&MountFlags::read_only, &MountFlags::no_suid, &MountFlags::no_dev,
                                                &MountFlags::no_exec};

}  // namespace

MountFlags mount_flags(unsigned long flags) {
  MountFlags wanted;
  wanted.read_only = (flags & MS_RDONLY) != 0;
  wanted.no_suid = (flags & MS_NOSUID) != 0;
  wanted.no_dev = (flags & MS_NODEV) != 0;
  wanted.no_exec = (flags & MS_NOEXEC) != 0;
  wanted.no_atime = (flags & MS_NOATIME) != 0;
  wanted.no_symlink_follow = (flags & MS_NOSYMFOLLOW) != 0;
  return wanted;
}

Result<MountFlags> remount_flags(const rootfs::Mount& mount, unsigned long flags) {
  MountFlags wanted = mount_flags(flags);
  if ((flags & kAccessTimes) == 0) wanted.no_atime = mount.flags.no_atime;
  for (const auto flag : kLockable) {
    if (mount.locked.*flag && !(wanted.*flag)) return Error(EPERM);
  }
  return wanted;
}

rootfs::MountOptions mount_options(unsigned long flags, const std::string& data) {
  rootfs::MountOptions options;
  options.flags = mount_flags(flags);
  for (size_t at = 0; at < data.size();) {
    const size_t end = std::min(data.find(',', at), data.size());
    const std::string option = data.substr(at, end - at);
    at = end + 1;
    if (option.empty()) continue;
    const size_t equals = option.find('=');
    options.data.emplace_back(option.substr(0, equals), equals == std::string::npos ? "" : option.substr(equals + 1));
  }
  return options;
}

}  // namespace litebox::syscalls
