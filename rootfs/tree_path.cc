#include "rootfs/tree_path.h"

#include "rootfs/host_node.h"

namespace litebox::rootfs {

std::optional<std::string> below(const std::string& root, const std::string& path) {
  if (path == root) return std::string();
  if (root == "/") return path;
  if (path.size() > root.size() && path.compare(0, root.size(), root) == 0 && path[root.size()] == '/') {
    return path.substr(root.size());
  }
  return std::nullopt;
}

bool connected(const Mount& mount, Node& node) {
  const auto* host = dynamic_cast<const HostNode*>(&node);
  if (host == nullptr) return true;
  if (!host->file_system()->knows(host->mount_id())) return false;
  const auto root = mount.root->path_in_file_system();
  const auto path = node.path_in_file_system();
  return root.ok() && path.ok() && below(*root, *path).has_value();
}

bool same_place(const Location& one, const Location& other) {
  return one.mount == other.mount && one.node && other.node && one.node->key() == other.node->key();
}

std::optional<std::string> path_below(const Location& root, const Location& location) {
  std::string path;
  Location here = location;
  while (true) {
    const auto node_path = here.node->path_in_file_system();
    if (!node_path.ok()) return std::nullopt;
    if (here.mount == root.mount) {
      const auto root_path = root.node->path_in_file_system();
      if (!root_path.ok()) return std::nullopt;
      const auto rest = below(*root_path, *node_path);
      if (rest) return *rest + path;
    }
    const auto mount_path = here.mount->root->path_in_file_system();
    if (!mount_path.ok()) return std::nullopt;
    const auto rest = below(*mount_path, *node_path);
    if (!rest) return std::nullopt;
    path.insert(0, *rest);
    const auto place = here.mount->place();
    if (!place) return root.mount ? std::nullopt : std::optional<std::string>(path);
    here = place->mountpoint;
  }
}

}  // namespace litebox::rootfs
