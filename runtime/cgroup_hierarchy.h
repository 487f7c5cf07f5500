// The cgroup hierarchies that are mounted here: one for each v1 controller, or the single v2 one, or both ("hybrid").
//
// Source: cgroups(7), proc(5) "mountinfo".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace litebox::runtime {

struct CgroupHierarchy {
  std::string mount_point;
  bool unified = false;                  // v2
  std::vector<std::string> controllers;  // "memory"; "name=systemd" for a named one; of v2: what its root offers

  bool has(std::string_view controller) const;
};

// From the text of /proc/self/mountinfo; a hierarchy mounted twice counts once. The controllers of v2 are left empty.
std::vector<CgroupHierarchy> parse_cgroup_hierarchies(std::string_view mountinfo);

// Those of this process, v2 controllers included.
std::vector<CgroupHierarchy> mounted_cgroup_hierarchies();

// The path of the container's cgroup below each mount point, "/a/b": from config.json's cgroupsPath, or /litebox/<id> when that
// is empty. With `systemd`, "slice:prefix:name" becomes the path that systemd would have chosen.
std::string container_cgroup_path(const std::string& cgroups_path, const std::string& id, bool systemd);

}  // namespace litebox::runtime
