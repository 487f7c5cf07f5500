#include "runtime/cgroup_hierarchy.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "runtime/files.h"

namespace litebox::runtime {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// mountinfo writes blanks and backslashes of paths as \040 and the like.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_mount_option(const std::string& option) {
  for (const char* known : {"rw", "ro", "xattr", "noprefix", "clone_children", "none", "cpuset_v2_mode", "favordynmods"}) {
    if (option == known) return true;
  }
  return option.rfind("release_agent=", 0) == 0;
}

// systemd.slice(5): "a-b.slice" lies in "a.slice".
std::string expand_slice(const std::string& slice) {
  const std::string suffix = ".slice";
  if (slice.size() <= suffix.size() || slice == "-.slice") return "";
  const std::string stem = slice.substr(0, slice.size() - suffix.size());
  std::string path;
  for (size_t end = stem.find('-'); end != std::string::npos; end = stem.find('-', end + 1)) {
    path += "/" + stem.substr(0, end) + suffix;
  }
  return path + "/" + slice;
}

std::string systemd_path(const std::string& cgroups_path, const std::string& id) {
  std::string slice = "system.slice";
  std::string prefix = "litebox";
  std::string name = id;
  const size_t first = cgroups_path.find(':');
  const size_t second = first == std::string::npos ? first : cgroups_path.find(':', first + 1);
  if (second != std::string::npos) {
    if (first > 0) slice = cgroups_path.substr(0, first);
    prefix = cgroups_path.substr(first + 1, second - first - 1);
    name = cgroups_path.substr(second + 1);
  }
  const bool is_slice = name.size() > 6 && name.substr(name.size() - 6) == ".slice";
  const std::string unit = is_slice ? name : (prefix.empty() ? name : prefix + "-" + name) + ".scope";
  return expand_slice(slice) + "/" + unit;
}

}  // namespace

bool CgroupHierarchy::has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

std::vector<CgroupHierarchy> parse_cgroup_hierarchies(std::string_view mountinfo) {
  std::vector<CgroupHierarchy> hierarchies;
  for (const std::string& line : split(mountinfo, '\n')) {
    // 30 23 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> fields = split(std::string_view(line).substr(0, dash), ' ');
    const std::vector<std::string> tail = split(std::string_view(line).substr(dash + 3), ' ');
    if (fields.size() < 6 || tail.size() < 3) continue;
    CgroupHierarchy hierarchy;
    hierarchy.mount_point = unescape(fields[4]);
    if (tail[0] == "cgroup2") {
      hierarchy.unified = true;
    } else if (tail[0] == "cgroup") {
      for (std::string& option : split(tail[2], ',')) {
        if (!is_mount_option(option)) hierarchy.controllers.push_back(std::move(option));
      }
    } else {
      continue;
    }
    const bool known = std::any_of(hierarchies.begin(), hierarchies.end(), [&](const CgroupHierarchy& other) {
      return other.unified == hierarchy.unified && other.controllers == hierarchy.controllers;
    });
    if (!known) hierarchies.push_back(std::move(hierarchy));
  }
  return hierarchies;
}

std::vector<CgroupHierarchy> mounted_cgroup_hierarchies() {
  const auto mountinfo = read_file(AT_FDCWD, "/proc/self/mountinfo");
  if (!mountinfo.ok()) return {};
  std::vector<CgroupHierarchy> hierarchies = parse_cgroup_hierarchies(*mountinfo);
  for (CgroupHierarchy& hierarchy : hierarchies) {
    if (!hierarchy.unified) continue;
    if (const auto offered = read_file(AT_FDCWD, hierarchy.mount_point + "/cgroup.controllers"); offered.ok()) {
      std::istringstream words(*offered);
      for (std::string word; words >> word;) hierarchy.controllers.push_back(word);
    }
  }
  return hierarchies;
}

std::string container_cgroup_path(const std::string& cgroups_path, const std::string& id, bool systemd) {
  std::string path = "/litebox/" + id;
  if (systemd) {
    path = systemd_path(cgroups_path, id);
  } else if (!cgroups_path.empty()) {
    path = cgroups_path.front() == '/' ? cgroups_path : "/litebox/" + cgroups_path;
  }
  // "/.." is "/" in a normalised absolute path, so no path leads out of the hierarchy.
  path = std::filesystem::path("/" + path).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  while (path.rfind("//", 0) == 0) path.erase(0, 1);
  return path == "/" ? "/litebox/" + id : path;
}

}  // namespace litebox::runtime
