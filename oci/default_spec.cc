#include "oci/default_spec.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "oci/version.h"

namespace litebox::oci {
namespace {

using nlohmann::ordered_json;

ordered_json mount(const char* destination, const char* type, const char* source, std::initializer_list<const char*> options) {
  ordered_json result = {{"destination", destination}, {"type", type}, {"source", source}};
  if (options.size() != 0) result["options"] = options;
  return result;
}

ordered_json default_process() {
  const ordered_json capabilities = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  return {{"terminal", true},
          {"user", {{"uid", 0}, {"gid", 0}}},
          {"args", {"sh"}},
          {"env", {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"}},
          {"cwd", "/"},
          {"capabilities", {{"bounding", capabilities}, {"effective", capabilities}, {"permitted", capabilities}}},
          {"rlimits", ordered_json::array({{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}})},
          {"noNewPrivileges", true}};
}

ordered_json default_mounts(bool rootless) {
  // Group 5, tty, is not mapped for an ordinary user.
  ordered_json terminals =
      mount("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"});
  if (!rootless) terminals["options"].push_back("gid=5");
  return {mount("/proc", "proc", "proc", {}),
          mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
          std::move(terminals),
          mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
          mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
          mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
          mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"})};
}

ordered_json default_linux(const DefaultSpecOptions& options) {
  ordered_json result = ordered_json::object();
  std::vector<const char*> namespaces = {"pid", "network", "ipc", "uts", "mount"};
  if (options.rootless) {
    namespaces = {"pid", "ipc", "uts", "mount", "user"};
    result["uidMappings"] = ordered_json::array({{{"containerID", 0}, {"hostID", options.uid}, {"size", 1}}});
    result["gidMappings"] = ordered_json::array({{{"containerID", 0}, {"hostID", options.gid}, {"size", 1}}});
  } else {
    result["resources"]["devices"] = ordered_json::array({{{"allow", false}, {"access", "rwm"}}});
  }
  for (const char* type : namespaces) result["namespaces"].push_back({{"type", type}});
  result["maskedPaths"] = {"/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
                           "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  result["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return result;
}

}  // namespace

std::string default_spec(const DefaultSpecOptions& options) {
  const ordered_json document = {{"ociVersion", kSpecVersion},
                                 {"process", default_process()},
                                 {"root", {{"path", "rootfs"}, {"readonly", true}}},
                                 {"hostname", "litebox"},
                                 {"mounts", default_mounts(options.rootless)},
                                 {"linux", default_linux(options)}};
  return document.dump(1, '\t');
}

}  // namespace litebox::oci
