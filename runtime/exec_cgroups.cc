#include "runtime/exec_cgroups.h"

#include <algorithm>
#include <filesystem>
#include <map>

namespace litebox::runtime {
namespace {

// By controller; "" stands for all of them.
using Paths = std::map<std::string, std::string>;

Result<Paths> parse(const std::vector<std::string>& wanted) {
  Paths paths;
  for (const std::string& value : wanted) {
    const size_t colon = value.find(':');
    if (colon == std::string::npos) {
      if (wanted.size() != 1) return Error("invalid --cgroup argument: " + value + " (missing <controller>: prefix)");
      paths[""] = value;
      continue;
    }
    const std::string path = value.substr(colon + 1);
    if (path.find(':') != std::string::npos) return Error("invalid --cgroup argument: " + value);
    for (size_t start = 0; start <= colon;) {
      const size_t end = std::min(value.find(',', start), colon);
      const std::string controller = value.substr(start, end - start);
      if (!paths.emplace(controller, path).second) {
        return Error("invalid --cgroup argument(s): controller " + controller + " specified multiple times");
      }
      start = end + 1;
    }
  }
  return paths;
}

Result<std::string> below(const std::string& directory, const std::string& path) {
  std::string joined = std::filesystem::path(directory + "/" + path).lexically_normal().string();
  while (joined.size() > 1 && joined.back() == '/') joined.pop_back();
  if (joined != directory && joined.rfind(directory + "/", 0) != 0) return Error(path + " is not a sub cgroup path");
  return joined;
}

}  // namespace

Result<std::vector<std::string>> exec_cgroups(const std::vector<CgroupHierarchy>& hierarchies, const StateRecord& record,
                                              const std::vector<std::string>& wanted, const DirectoryTest& exists) {
  std::vector<std::string> directories = record.container_cgroups;
  LITEBOX_ASSIGN(const Paths paths, parse(wanted));
  for (const auto& [controller, path] : paths) {
    bool known = false;
    bool found = false;
    for (std::string& directory : directories) {
      const auto holds = [&, &of_controller = controller](const CgroupHierarchy& hierarchy) {
        return directory == hierarchy.mount_point + record.cgroup_path && hierarchy.has(of_controller);
      };
      if (!controller.empty() && std::none_of(hierarchies.begin(), hierarchies.end(), holds)) continue;
      known = true;
      LITEBOX_ASSIGN(std::string chosen, below(directory, path));
      if (!exists(chosen)) continue;
      found = true;
      directory = std::move(chosen);
    }
    if (!known) return Error("unknown controller " + controller + " in --cgroup");
    if (!found) return Error(ENOENT, "--cgroup " + path);
  }
  return directories;
}

}  // namespace litebox::runtime
