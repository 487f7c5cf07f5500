#include "shim/syscalls/device_access.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace litebox::syscalls {
namespace {

constexpr int64_t kMemoryMajor = 1;
constexpr int64_t kTerminalMajor = 5;
constexpr int64_t kPtyMajor = 136;

oci::DeviceRule allow(char type, std::optional<int64_t> major, std::optional<int64_t> minor, std::string access) {
  return {.allow = true, .type = type, .major = major, .minor = minor, .access = std::move(access)};
}

// What every container has, whatever its rules: making nodes harms nobody, and the default devices.
const std::vector<oci::DeviceRule>& default_rules() {
  static const std::vector<oci::DeviceRule> rules = {
      allow('c', std::nullopt, std::nullopt, "m"), allow('b', std::nullopt, std::nullopt, "m"),
      allow('c', kMemoryMajor, 3, "rwm"),    // null
      allow('c', kMemoryMajor, 5, "rwm"),    // zero
      allow('c', kMemoryMajor, 7, "rwm"),    // full
      allow('c', kMemoryMajor, 8, "rwm"),    // random
      allow('c', kMemoryMajor, 9, "rwm"),    // urandom
      allow('c', kTerminalMajor, 0, "rwm"),  // tty
      allow('c', kTerminalMajor, 2, "rwm"),  // ptmx
      allow('c', kPtyMajor, std::nullopt, "rwm"),
  };
  return rules;
}

bool matches(const oci::DeviceRule& rule, char type, dev_t device) {
  if (rule.type == 'a') return true;
  if (rule.type != type) return false;
  if (rule.major.has_value() && *rule.major != static_cast<int64_t>(major(device))) return false;
  return !rule.minor.has_value() || *rule.minor == static_cast<int64_t>(minor(device));
}

bool grants(std::string_view access, char what) { return access.empty() || access.find(what) != std::string_view::npos; }

bool allowed(const oci::Config& config, char type, dev_t device, char what) {
  bool result = false;
  const auto apply = [&](std::span<const oci::DeviceRule> rules) {
    for (const oci::DeviceRule& rule : rules) {
      if (matches(rule, type, device) && grants(rule.access, what)) result = rule.allow;
    }
  };
  if (config.linux.resources.has_value()) apply(config.linux.resources->devices);
  apply(default_rules());
  return result;
}

}  // namespace

Status check_device_access(const oci::Config& config, mode_t type, dev_t device, DeviceAccess access) {
  const char kind = S_ISBLK(type) ? 'b' : 'c';
  if (access.read && !allowed(config, kind, device, 'r')) return Error(EPERM);
  if (access.write && !allowed(config, kind, device, 'w')) return Error(EPERM);
  if (access.make && !allowed(config, kind, device, 'm')) return Error(EPERM);
  return {};
}

}  // namespace litebox::syscalls
