#include "oci/supported.h"

#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "oci/capabilities.h"
#include "oci/json_document.h"
#include "oci/mount_options.h"

namespace litebox::oci {
namespace {

// Capabilities over the host as a whole. A container has no way to use them, whatever its virtual credentials say.
constexpr std::string_view kHostCapabilities[] = {"CAP_AUDIT_CONTROL", "CAP_AUDIT_READ",   "CAP_BLOCK_SUSPEND", "CAP_BPF",
                                                  "CAP_MAC_ADMIN",     "CAP_MAC_OVERRIDE", "CAP_PERFMON",       "CAP_SYSLOG",
                                                  "CAP_SYS_BOOT",      "CAP_SYS_MODULE",   "CAP_SYS_PACCT",     "CAP_SYS_RAWIO",
                                                  "CAP_SYS_TIME",      "CAP_WAKE_ALARM"};

constexpr std::string_view kFileSystems[] = {"cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs", "tmpfs"};

Error unsupported(const std::string& field, const std::string& what) {
  return Error(field + ": " + what + " is not supported by litebox");
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string_view type_name(NamespaceType type) {
  switch (type) {
    case NamespaceType::pid:
      return "pid";
    case NamespaceType::network:
      return "network";
    case NamespaceType::mount:
      return "mount";
    case NamespaceType::ipc:
      return "ipc";
    case NamespaceType::uts:
      return "uts";
    case NamespaceType::user:
      return "user";
    case NamespaceType::cgroup:
      return "cgroup";
    case NamespaceType::time:
      return "time";
  }
  return {};
}

// "MUST be logged as a warning": what no kernel interface knows, and what cannot be granted here.
void warn_of_capabilities(const Capabilities& capabilities, std::vector<std::string>& warnings) {
  std::vector<std::string> unknown;
  std::vector<std::string> useless;
  const auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (!contains(list, name)) list.push_back(name);
  };
  for (const auto* set : {&capabilities.bounding, &capabilities.effective, &capabilities.inheritable, &capabilities.permitted,
                          &capabilities.ambient}) {
    if (!*set) continue;
    for (const std::string& name : (*set)->names) {
      if (!capability_number(name)) add(unknown, quoted(name));
      if (std::find(std::begin(kHostCapabilities), std::end(kHostCapabilities), name) != std::end(kHostCapabilities)) {
        add(useless, name);
      }
    }
  }
  const auto warn = [&](const std::vector<std::string>& names, const char* what) {
    if (names.empty()) return;
    std::string line = "process.capabilities: ";
    line += what;
    for (size_t i = 0; i < names.size(); ++i) line.append(i == 0 ? " " : ", ").append(names[i]);
    warnings.push_back(std::move(line));
  };
  warn(unknown, "ignored, since unknown:");
  warn(useless, "without effect, since they are over the host as a whole:");

  const auto mask = [](const std::optional<CapabilitySet>& set) { return set ? set->mask : 0; };
  // capabilities(7): an ambient capability must be permitted and inheritable, an effective one permitted.
  const uint64_t ambient = mask(capabilities.ambient) & ~(mask(capabilities.permitted) & mask(capabilities.inheritable));
  warn(capability_names(ambient), "not made ambient, since not both permitted and inheritable:");
  warn(capability_names(mask(capabilities.effective) & ~mask(capabilities.permitted)),
       "not made effective, since not permitted:");
}

Status check_namespaces(const Linux& linux) {
  for (size_t i = 0; i < linux.namespaces.size(); ++i) {
    const Namespace& item = linux.namespaces[i];
    if (item.path.empty() || (item.type != NamespaceType::mount && item.type != NamespaceType::time)) continue;
    return unsupported("linux.namespaces[" + std::to_string(i) + "].path",
                       "joining a namespace of type " + std::string(type_name(item.type)));
  }
  return {};
}

// The options of a file system that litebox itself provides.
bool is_own_option(std::string_view type, std::string_view option) {
  const std::string_view name = option.substr(0, option.find('='));
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (type == "tmpfs") return is({"gid", "inode32", "inode64", "mode", "nr_blocks", "nr_inodes", "size", "uid"});
  if (type == "devpts") return is({"gid", "mode", "newinstance", "ptmxmode", "uid"});
  return false;
}

Status check_mount(const Mount& mount, const std::string& field) {
  const bool bind = mount.is_bind();
  if (mount.is_id_mapped() && !bind) return unsupported(field + ".uidMappings", "for another mount than a bind mount");
  const bool known = std::find(std::begin(kFileSystems), std::end(kFileSystems), mount.type) != std::end(kFileSystems);
  if (!bind && !known && !mount.has_option("remount")) {
    return unsupported(field + ".type", "the file system " + quoted(mount.type));
  }
  for (size_t i = 0; i < mount.options.size(); ++i) {
    const std::string& option = mount.options[i];
    const std::string option_field = field + ".options[" + std::to_string(i) + "]";
    const MountOption* common = find_mount_option(option);
    if (common == nullptr) {
      // Of a bind mount the kernel ignores what is the file system's.
      if (!bind && !option.empty() && !is_own_option(mount.type, option)) return unsupported(option_field, quoted(option));
      continue;
    }
    if (common->kind == MountOptionKind::copy_up && mount.type != "tmpfs") {
      return Error(option_field + ": tmpcopyup is for tmpfs only");
    }
  }
  return {};
}

Status check_seccomp(const Seccomp& seccomp, std::vector<std::string>& warnings) {
  const std::string rules = "linux.seccomp.syscalls";
  bool logs = seccomp.default_action == SeccompAction::log || contains(seccomp.flags, "SECCOMP_FILTER_FLAG_LOG");
  if (seccomp.default_action == SeccompAction::notify) return unsupported("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY");
  for (size_t i = 0; i < seccomp.syscalls.size(); ++i) {
    const SeccompAction action = seccomp.syscalls[i].action;
    if (action == SeccompAction::notify) return unsupported(rules + "[" + std::to_string(i) + "].action", "SCMP_ACT_NOTIFY");
    logs = logs || action == SeccompAction::log;
  }
  if (logs) warnings.emplace_back("linux.seccomp: nothing is written to the audit log");
  return {};  // "If the SCMP_ACT_NOTIFY action is not used", listenerPath "is ignored".
}

// Limits that the container's own IPC objects have (shim/kernel/ipc_limits.h, rootfs/message_queues.h).
const std::vector<std::string> kIpcSettings = {
    "kernel/msgmax",         "kernel/msgmnb",        "kernel/msgmni",         "kernel/sem",        "kernel/shmall",
    "kernel/shmmax",         "kernel/shmmni",        "fs/mqueue/msg_default", "fs/mqueue/msg_max", "fs/mqueue/msgsize_default",
    "fs/mqueue/msgsize_max", "fs/mqueue/queues_max",
};

Status check_sysctl(const Linux& linux, std::vector<std::string>& warnings) {
  for (const auto& [path, value] : linux.sysctl) {
    const std::string field = member_path("linux.sysctl", path);
    if (path == "kernel/domainname") continue;  // has become the field domainname
    if (path == "kernel/hostname") return Error(field + ": conflicts with the field hostname");
    if (contains(kIpcSettings, path)) {
      if (linux.find_namespace(NamespaceType::ipc) == nullptr) return Error(field + ": needs an ipc namespace");
      continue;
    }
    if (path.starts_with("kernel/msg") || path.starts_with("kernel/sem") || path.starts_with("kernel/shm") ||
        path.starts_with("fs/mqueue/")) {
      if (linux.find_namespace(NamespaceType::ipc) == nullptr) return Error(field + ": needs an ipc namespace");
      warnings.push_back(field + ": shown in /proc/sys, but not enforced");
      continue;
    }
    if (!path.starts_with("net/")) return Error(field + ": is the host's, not a container's");
    if (linux.find_namespace(NamespaceType::network) == nullptr) return Error(field + ": needs a network namespace");
  }
  return {};
}

Status check_linux(const Linux& linux, std::vector<std::string>& warnings) {
  LITEBOX_TRY(check_namespaces(linux));
  if (linux.find_namespace(NamespaceType::user) != nullptr) {
    if (linux.uid_mappings.empty()) return Error("linux.uidMappings: missing, for a user namespace");
    if (linux.gid_mappings.empty()) return Error("linux.gidMappings: missing, for a user namespace");
  }
  for (const auto& [clock, offset] : linux.time_offsets) {
    if (offset.seconds != 0 || offset.nanoseconds != 0)
      return unsupported(member_path("linux.timeOffsets", clock), "an offset");
  }
  if (!linux.net_devices.empty()) return unsupported("linux.netDevices", "moving network devices");
  if (linux.intel_rdt) return unsupported("linux.intelRdt", "Intel RDT");
  if (!linux.mount_label.empty()) return unsupported("linux.mountLabel", "SELinux");
  if (linux.seccomp) LITEBOX_TRY(check_seccomp(*linux.seccomp, warnings));
  return check_sysctl(linux, warnings);
}

}  // namespace

Status check_process_supported(const Process& process, std::vector<std::string>& warnings) {
  if (process.capabilities) warn_of_capabilities(*process.capabilities, warnings);
  if (!process.apparmor_profile.empty() && process.apparmor_profile != "unconfined") {
    return unsupported("process.apparmorProfile", "AppArmor");
  }
  if (!process.selinux_label.empty()) return unsupported("process.selinuxLabel", "SELinux");
  for (size_t i = 0; i < process.rlimits.size(); ++i) {
    // Linux has not used this limit since 2.4; litebox keeps a process's state in it.
    if (process.rlimits[i].resource != RLIMIT_LOCKS) continue;
    return unsupported("process.rlimits[" + std::to_string(i) + "].type", "RLIMIT_LOCKS");
  }
  return {};
}

Status check_supported(const Config& config, std::vector<std::string>& warnings) {
  if (config.process) LITEBOX_TRY(check_process_supported(*config.process, warnings));
  for (size_t i = 0; i < config.mounts.size(); ++i) {
    LITEBOX_TRY(check_mount(config.mounts[i], "mounts[" + std::to_string(i) + "]"));
  }
  for (const std::string& platform : config.other_platforms) {
    warnings.push_back(platform + ": ignored, since for another platform");
  }
  return check_linux(config.linux, warnings);
}

}  // namespace litebox::oci
