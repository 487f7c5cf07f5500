#include "runtime/joined_worlds.h"

#include <sys/stat.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "runtime/membership.h"
#include "runtime/state_directory.h"

namespace litebox::runtime {
namespace {

// The pid in "/proc/<pid>/ns/<type>" (or .../task/<tid>/ns/...); nothing for another path.
std::optional<pid_t> process_in(std::string_view path) {
  constexpr std::string_view kStart = "/proc/";
  if (!path.starts_with(kStart)) return std::nullopt;
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(path.data() + kStart.size(), path.data() + path.size(), pid);
  if (failure != std::errc() || end == path.data() + path.size() || *end != '/') return std::nullopt;
  return pid;
}

// The state directory of the container that the process belongs to; empty when there is none.
std::string container_of(const std::string& root, pid_t pid) {
  const auto ids = StateDirectory::list(root);
  if (!ids.ok()) return {};
  const auto membership = membership_of(pid);
  for (const std::string& id : *ids) {
    const auto directory = StateDirectory::open(root, id);
    if (!directory.ok()) continue;
    const auto record = directory->read_record();
    if (!record.ok()) continue;
    const bool is_keeper = record->keeper.pid == pid && is_running(record->keeper);
    const bool is_guest = membership && record->membership == *membership;
    if (is_keeper || is_guest) return directory->path();
  }
  return {};
}

bool is_own_namespace(const std::string& path, const char* name) {
  struct stat theirs {};
  struct stat own {};
  const std::string mine = std::string("/proc/self/ns/") + name;
  return stat(path.c_str(), &theirs) == 0 && stat(mine.c_str(), &own) == 0 && theirs.st_dev == own.st_dev &&
         theirs.st_ino == own.st_ino;
}

const char* name_of(oci::NamespaceType type) {
  switch (type) {
    case oci::NamespaceType::pid:
      return "pid";
    case oci::NamespaceType::ipc:
      return "ipc";
    case oci::NamespaceType::uts:
      return "uts";
    case oci::NamespaceType::user:
      return "user";
    case oci::NamespaceType::cgroup:
      return "cgroup";
    case oci::NamespaceType::time:
      return "time";
    case oci::NamespaceType::mount:
      return "mnt";
    case oci::NamespaceType::network:
      break;
  }
  return "net";
}

}  // namespace

Result<JoinedWorlds> find_joined_worlds(const std::string& root, const oci::Linux& config, std::vector<std::string>& warnings) {
  JoinedWorlds joined;
  for (size_t i = 0; i < config.namespaces.size(); ++i) {
    const oci::Namespace& item = config.namespaces[i];
    if (item.path.empty() || item.type == oci::NamespaceType::network) continue;
    const std::string field = "linux.namespaces[" + std::to_string(i) + "].path: ";
    struct stat status {};
    if (stat(item.path.c_str(), &status) != 0) return last_error(field + item.path);
    const auto pid = process_in(item.path);
    const std::string container = pid ? container_of(root, *pid) : std::string();
    if (container.empty() && !is_own_namespace(item.path, name_of(item.type))) {
      return Error(field + item.path + " is of no litebox container, and cannot be joined");
    }
    if (container.empty()) {
      warnings.push_back(field + "the host's namespace; the container sees nothing of it");
      continue;
    }
    if (item.type == oci::NamespaceType::uts) joined.uts = container;
    if (item.type == oci::NamespaceType::pid) joined.pid = container;
    if (item.type == oci::NamespaceType::ipc) {
      warnings.push_back(field +
                         "System V objects and message queues are not shared, only what is mounted into both containers");
    }
    // The trees of two containers are apart, whatever a caller wants to see of one from within the other.
    if (item.type == oci::NamespaceType::mount) return Error(field + "joining a mount namespace is not supported by litebox");
  }
  return joined;
}

}  // namespace litebox::runtime
