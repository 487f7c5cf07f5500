#include "runtime/cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "base/log.h"
#include "runtime/cgroup_settings.h"
#include "runtime/files.h"

namespace litebox::runtime {
namespace {

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Nothing where it is missing.
std::optional<bool> is_writable(const std::string& path) {
  if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return true;
  return errno == ENOENT ? std::nullopt : std::optional(false);
}

bool may_make(const std::string& path) {
  const auto writable = is_writable(path);
  return writable ? *writable : path.size() > 1 && may_make(parent_of(path));
}

// Directories with the same parent.
bool may_make_all(const std::vector<std::string>& paths) {
  bool missing = false;
  for (const std::string& path : paths) {
    const auto writable = is_writable(path);
    if (!writable.value_or(true)) return false;
    missing = missing || !writable;
  }
  return !missing || may_make(parent_of(paths.front()));
}

bool wanted(const CgroupHierarchy& hierarchy, bool v1_present, const oci::Resources& resources) {
  if (hierarchy.unified && v1_present) {
    return !resources.unified.empty() || (!resources.hugepage_limits.empty() && hierarchy.has("hugetlb")) ||
           (!resources.rdma.empty() && hierarchy.has("rdma"));
  }
  if (!hierarchy.unified && hierarchy.controllers == std::vector<std::string>{"cpuset"}) {
    return resources.cpu && (!resources.cpu->cpus.empty() || !resources.cpu->mems.empty());
  }
  return true;
}

// In the other hierarchies, those of the freezer and of block devices above all, the monitor stays where the command was: it is
// not to be frozen with its guests, and does little input and output of its own; two directories are a fiftieth of the cost of
// a container's whole life.
bool separates_monitor(const CgroupHierarchy& hierarchy) {
  const auto concerns_it = [](const std::string& controller) {
    constexpr std::array kControllers{"cpu", "cpuacct", "memory", "pids", "devices"};
    return controller.starts_with("name=") ||
           std::find(kControllers.begin(), kControllers.end(), controller) != kControllers.end();
  };
  return hierarchy.unified || std::any_of(hierarchy.controllers.begin(), hierarchy.controllers.end(), concerns_it);
}

std::string monitor_directory(const std::string& container) { return container + "-monitor"; }

// A v1 cpuset is born empty, and nothing can join it; give it what its parent has.
Status fill_cpuset(const std::string& directory) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!exists(directory + file) || !exists(directory + "/cgroup.clone_children")) return {};
    LITEBOX_ASSIGN(const std::string own, read_file(AT_FDCWD, directory + file));
    if (own != "\n" && !own.empty()) continue;
    LITEBOX_ASSIGN(const std::string inherited, read_file(AT_FDCWD, parent_of(directory) + file));
    LITEBOX_TRY(write_control_file(directory + file, inherited));
  }
  return {};
}

// v2: a controller is in a directory only if the one above hands it down. Best effort: what is asked for is checked later.
void hand_down_controllers(const std::string& parent) {
  const auto offered = read_file(AT_FDCWD, parent + "/cgroup.controllers");
  if (!offered.ok()) return;
  std::istringstream words(*offered);
  for (std::string word; words >> word;) (void)write_control_file(parent + "/cgroup.subtree_control", "+" + word);
}

Status make_directory(const std::string& path, const std::vector<std::string>& special) {
  const auto holds = [&](const std::string& mount_point) { return path.starts_with(mount_point + "/"); };
  const bool plain = std::none_of(special.begin(), special.end(), holds);
  const bool v2 = !plain && exists(parent_of(path) + "/cgroup.subtree_control");
  if (v2) hand_down_controllers(parent_of(path));
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return last_error("mkdir " + path);
  if (!plain && !v2) LITEBOX_TRY(fill_cpuset(path));
  return {};
}

Status make_directories(const std::vector<std::string>& paths, const std::vector<std::string>& special) {
  for (const std::string& path : paths) LITEBOX_TRY(make_directory(path, special));
  return {};
}

Status write_memory_limits(const std::string& directory, const std::vector<CgroupSetting>& settings, size_t index) {
  const CgroupSetting& limit = settings[index];
  const Status first = write_control_file(directory + "/" + limit.file, limit.text);
  if (first.ok() || first.error().number() != EINVAL) return first;
  // Above the present limit on memory and swap together: that one has to be raised first.
  for (const CgroupSetting& other : settings) {
    if (other.file == "memory.memsw.limit_in_bytes") {
      LITEBOX_TRY(write_control_file(directory + "/" + other.file, other.text));
      return write_control_file(directory + "/" + limit.file, limit.text);
    }
  }
  return first;
}

Status apply_settings(const std::vector<std::string>& directories, const std::vector<CgroupSetting>& settings) {
  for (size_t i = 0; i < settings.size(); ++i) {
    const CgroupSetting& setting = settings[i];
    const auto holds = [&](const std::string& directory) { return exists(directory + "/" + setting.file); };
    const auto directory = std::find_if(directories.begin(), directories.end(), holds);
    if (directory == directories.end()) {
      return Error(ENOENT, "cannot limit " + setting.controller + ": no cgroup with " + setting.file);
    }
    if (setting.file == "memory.limit_in_bytes") {
      LITEBOX_TRY(write_memory_limits(*directory, settings, i));
    } else {
      LITEBOX_TRY(write_control_file(*directory + "/" + setting.file, setting.text));
    }
  }
  return {};
}

Status apply_device_rules(const std::vector<std::string>& directories, const std::vector<CgroupSetting>& settings) {
  if (settings.empty()) return {};
  for (const std::string& directory : directories) {
    if (!exists(directory + "/devices.allow")) continue;
    for (const CgroupSetting& setting : settings) {
      const Status written = write_control_file(directory + "/" + setting.file, setting.text);
      // A cgroup above may allow less than is asked for: then less it is.
      if (!written.ok() && !(setting.file == "devices.allow" && written.error().number() == EPERM)) return written;
    }
  }
  return {};
}

// Of a directory without others in it, the count of links says so.
bool has_directories(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && status.st_nlink != 2;
}

// Calls `visit` for each directory below `path`, the deepest first, then for itself.
template <typename Visit>
void for_each_cgroup(const std::string& path, int depth, const Visit& visit) {
  if (depth > 64) return;
  if (has_directories(path)) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(path.c_str()), closedir);
    while (const dirent* entry = stream ? readdir(stream.get()) : nullptr) {
      const std::string name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") for_each_cgroup(path + "/" + name, depth + 1, visit);
    }
  }
  visit(path);
}

Status remove_directory(const std::string& path) {
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  Status result;
  for_each_cgroup(path, 0, [&](const std::string& directory) {
    if (rmdir(directory.c_str()) != 0 && errno != ENOENT && result.ok()) result = last_error("rmdir " + directory);
  });
  return result;
}

}  // namespace

bool asks_for_limits(const oci::Resources& resources) {
  const auto settings = cgroup_v2_settings(resources);
  return !settings.ok() || !settings->empty() || !cgroup_v1_settings(resources).empty();
}

CgroupDirectories plan_cgroups(const std::vector<CgroupHierarchy>& hierarchies, const std::string& path,
                               const oci::Resources& resources) {
  CgroupDirectories plan;
  const bool v1_present = std::any_of(hierarchies.begin(), hierarchies.end(), [](const auto& h) { return !h.unified; });
  for (const CgroupHierarchy& hierarchy : hierarchies) {
    if (!wanted(hierarchy, v1_present, resources)) continue;
    plan.container.push_back(hierarchy.mount_point + path);
    if (separates_monitor(hierarchy)) plan.monitor.push_back(monitor_directory(plan.container.back()));
    if (hierarchy.unified || hierarchy.has("cpuset")) plan.special.push_back(hierarchy.mount_point);
    for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
      std::string parent = hierarchy.mount_point + path.substr(0, end);
      // The default parent is everybody's: whoever leaves last removes it.
      if (path.substr(0, end) == "/litebox" || !exists(parent)) plan.parents.push_back(std::move(parent));
    }
  }
  return plan;
}

CgroupDirectories permitted_cgroups(const CgroupDirectories& plan) {
  CgroupDirectories permitted;
  permitted.special = plan.special;
  for (const std::string& container : plan.container) {
    std::vector<std::string> wanted{container};
    const auto monitor = std::find(plan.monitor.begin(), plan.monitor.end(), monitor_directory(container));
    if (monitor != plan.monitor.end()) wanted.push_back(*monitor);
    if (!may_make_all(wanted)) continue;
    permitted.container.push_back(container);
    permitted.monitor.insert(permitted.monitor.end(), wanted.begin() + 1, wanted.end());
    for (const std::string& parent : plan.parents) {
      if (container.starts_with(parent + "/")) permitted.parents.push_back(parent);
    }
  }
  return permitted;
}

Status make_cgroups(const CgroupDirectories& directories) {
  // Parents are there mostly. One may be removed by another container's deletion before it is used; then it is made again.
  constexpr int attempts = 10;
  Status status;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const bool with_parents = attempt > 0 || !directories.special.empty();
    status = with_parents ? make_directories(directories.parents, directories.special) : Status();
    if (status.ok()) status = make_directories(directories.container, directories.special);
    if (status.ok()) status = make_directories(directories.monitor, directories.special);
    if (status.ok() || status.error().number() != ENOENT) break;
  }
  return status;
}

Status apply_resources(const CgroupDirectories& directories, const oci::Resources& resources) {
  const bool v2 = directories.container.size() == 1 && exists(directories.container.front() + "/cgroup.subtree_control");
  if (v2) {
    LITEBOX_ASSIGN(const auto settings, cgroup_v2_settings(resources));
    return apply_settings(directories.container, settings);
  }
  LITEBOX_TRY(apply_settings(directories.container, cgroup_v1_settings(resources)));
  const std::vector<CgroupSetting> devices = device_settings(resources.devices);
  LITEBOX_TRY(apply_device_rules(directories.container, devices));
  return apply_device_rules(directories.monitor, devices);
}

Status join_cgroups(const std::vector<std::string>& directories, pid_t pid) {
  for (const std::string& directory : directories) {
    LITEBOX_TRY(write_control_file(directory + "/cgroup.procs", std::to_string(pid)));
  }
  return {};
}

Status enter_cgroups(const std::vector<std::string>& directories) {
  for (const std::string& directory : directories) {
    if (write_control_file(directory + "/tasks", "0").ok()) continue;  // cgroup v1's
    LITEBOX_TRY(join_cgroups({directory}, ::getpid()));
  }
  return {};
}

std::vector<pid_t> cgroup_processes(const std::vector<std::string>& directories) {
  std::set<pid_t> pids;
  for (const std::string& directory : directories) {
    for_each_cgroup(directory, 0, [&](const std::string& path) {
      const auto text = read_file(AT_FDCWD, path + "/cgroup.procs");
      if (!text.ok()) return;
      std::istringstream numbers(*text);
      for (pid_t pid = 0; numbers >> pid;) pids.insert(pid);
    });
  }
  return {pids.begin(), pids.end()};
}

Status remove_cgroups(const CgroupDirectories& directories) {
  Status result;
  for (const auto* list : {&directories.container, &directories.monitor}) {
    for (const std::string& path : *list) {
      if (Status removed = remove_directory(path); !removed.ok() && result.ok()) result = std::move(removed);
    }
  }
  for (auto path = directories.parents.rbegin(); path != directories.parents.rend(); ++path) (void)rmdir(path->c_str());
  return result;
}

}  // namespace litebox::runtime
