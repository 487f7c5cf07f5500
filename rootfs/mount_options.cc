#include "rootfs/mount_options.h"

#include <linux/mount.h>

#include "oci/mount_options.h"

namespace litebox::rootfs {
namespace {

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

struct Flag {
  std::string_view name;
  MountFlag MountFlags::*flag;  // null: not litebox's to enforce
  uint64_t attribute;
  bool value;
};

constexpr Flag kFlags[] = {
    {"ro", &MountFlags::read_only, MOUNT_ATTR_RDONLY, true},
    {"rw", &MountFlags::read_only, MOUNT_ATTR_RDONLY, false},
    {"nosuid", &MountFlags::no_suid, MOUNT_ATTR_NOSUID, true},
    {"suid", &MountFlags::no_suid, MOUNT_ATTR_NOSUID, false},
    {"nodev", &MountFlags::no_dev, MOUNT_ATTR_NODEV, true},
    {"dev", &MountFlags::no_dev, MOUNT_ATTR_NODEV, false},
    {"noexec", &MountFlags::no_exec, MOUNT_ATTR_NOEXEC, true},
    {"exec", &MountFlags::no_exec, MOUNT_ATTR_NOEXEC, false},
    {"nosymfollow", &MountFlags::no_symlink_follow, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"symfollow", &MountFlags::no_symlink_follow, MOUNT_ATTR_NOSYMFOLLOW, false},
    {"nodiratime", nullptr, MOUNT_ATTR_NODIRATIME, true},
    {"diratime", nullptr, MOUNT_ATTR_NODIRATIME, false},
};

struct AccessTime {
  std::string_view name;
  uint64_t attribute;  // one of MOUNT_ATTR__ATIME's values
};

constexpr AccessTime kAccessTimes[] = {
    {"noatime", MOUNT_ATTR_NOATIME},        {"atime", MOUNT_ATTR_RELATIME},          {"relatime", MOUNT_ATTR_RELATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME}, {"strictatime", MOUNT_ATTR_STRICTATIME}, {"nostrictatime", MOUNT_ATTR_RELATIME},
};

void change(MountAttributes& attributes, uint64_t mask, uint64_t value) {
  attributes.set = (attributes.set & ~mask) | value;
  attributes.clear |= mask;
}

bool apply(MountOptions& options, MountAttributes& attributes, std::string_view name) {
  for (const Flag& flag : kFlags) {
    if (flag.name != name) continue;
    if (flag.flag != nullptr) options.flags.*flag.flag = flag.value;
    change(attributes, flag.attribute, flag.value ? flag.attribute : 0);
    return true;
  }
  for (const AccessTime& time : kAccessTimes) {
    if (time.name != name) continue;
    options.flags.no_atime = time.attribute == MOUNT_ATTR_NOATIME;
    change(attributes, MOUNT_ATTR__ATIME, time.attribute);
    return true;
  }
  return false;
}

}  // namespace

MountOptions parse_mount_options(const oci::Mount& mount) {
  MountOptions options;
  options.bind = mount.is_bind();
  for (const std::string& option : mount.options) {
    const oci::MountOption* known = oci::find_mount_option(option);
    if (known == nullptr) {
      const size_t equals = option.find('=');
      if (option.empty()) continue;
      options.data.emplace_back(option.substr(0, equals), equals == std::string::npos ? "" : option.substr(equals + 1));
      continue;
    }
    switch (known->kind) {
      case oci::MountOptionKind::bind:
        options.with_submounts = options.with_submounts || option == "rbind";
        break;
      case oci::MountOptionKind::remount:
        options.remount = true;
        break;
      case oci::MountOptionKind::copy_up:
        options.copy_up = true;
        break;
      case oci::MountOptionKind::flag:
        // "ro" is "ro"; "rro" is "ro" for the mounts below, too.
        if (!apply(options, options.top, option)) (void)apply(options, options.recursive, std::string_view(option).substr(1));
        break;
      case oci::MountOptionKind::storage:
      case oci::MountOptionKind::propagation:
      case oci::MountOptionKind::id_mapping:
        break;
    }
  }
  return options;
}

std::string super_options(const MountOptions& options) {
  std::string text = options.flags.read_only ? "ro" : "rw";
  for (const auto& [name, value] : options.data) text += value.empty() ? "," + name : "," + name + "=" + value;
  return text;
}

}  // namespace litebox::rootfs
