#include "rootfs/device_policy.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string>

namespace litebox::rootfs {
namespace {

constexpr unsigned kRead = 1, kWrite = 2, kMake = 4;
constexpr unsigned kAll = kRead | kWrite | kMake;

unsigned parse_access(const std::string& text) {
  if (text.empty()) return kAll;
  unsigned access = 0;
  for (const char c : text) access |= c == 'r' ? kRead : c == 'w' ? kWrite : c == 'm' ? kMake : 0;
  return access;
}

oci::DeviceRule allow(char type, std::optional<int64_t> major, std::optional<int64_t> minor) {
  oci::DeviceRule rule;
  rule.allow = true;
  rule.type = type;
  rule.major = major;
  rule.minor = minor;
  return rule;
}

}  // namespace

DevicePolicy::DevicePolicy(const oci::Linux& config, bool privileged) {
  if (config.resources) {
    for (const oci::DeviceRule& rule : config.resources->devices) rules_.push_back({rule, parse_access(rule.access)});
  }
  if (rules_.empty()) {
    if (!privileged) rules_.push_back({allow('a', std::nullopt, std::nullopt), kAll});
    for (const oci::Device& device : config.devices) {
      if (device.type == oci::DeviceType::fifo) continue;
      const char type = device.type == oci::DeviceType::block ? 'b' : 'c';
      rules_.push_back({allow(type, device.major, device.minor), kAll});
    }
  }
  // Any node may be made (it opens nothing); null, zero, full, random, urandom, tty, console, ptmx and the slaves are usable.
  rules_.push_back({allow('c', std::nullopt, std::nullopt), kMake});
  rules_.push_back({allow('b', std::nullopt, std::nullopt), kMake});
  constexpr std::array<std::pair<int, int>, 8> kUsable = {{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}};
  for (const auto& [major, minor] : kUsable) rules_.push_back({allow('c', major, minor), kAll});
  rules_.push_back({allow('c', 136, std::nullopt), kAll});
}

// Later rules win, right by right (kernel documentation, cgroup-v1/devices).
bool DevicePolicy::allows(mode_t type, dev_t device, unsigned access) const {
  unsigned granted = 0;
  for (const Rule& entry : rules_) {
    const oci::DeviceRule& rule = entry.rule;
    if (rule.type != 'a' && rule.type != (S_ISCHR(type) ? 'c' : 'b')) continue;
    if (rule.type != 'a') {
      if (rule.major && *rule.major != gnu_dev_major(device)) continue;
      if (rule.minor && *rule.minor != gnu_dev_minor(device)) continue;
    }
    granted = rule.allow ? granted | entry.access : granted & ~entry.access;
  }
  return (access & ~granted) == 0;
}

bool DevicePolicy::may_open(mode_t type, dev_t device, int access) const {
  return allows(type, device, ((access & R_OK) != 0 ? kRead : 0) | ((access & W_OK) != 0 ? kWrite : 0));
}

bool DevicePolicy::may_make(mode_t type, dev_t device) const { return allows(type, device, kMake); }

}  // namespace litebox::rootfs
