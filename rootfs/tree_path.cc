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

namespace {

// Nodes of one file system. The kernel is asked for their paths only if they are not the same one.
std::optional<std::string> relative_path(const NodePtr& root, const NodePtr& node) {
  if (root == node) return std::string();
  const auto root_path = root->path_in_file_system();
  const auto node_path = node->path_in_file_system();
  if (!root_path.ok() || !node_path.ok()) return std::nullopt;
  return below(*root_path, *node_path);
}

}  // namespace

std::optional<std::string> path_below(const Location& root, const Location& location) {
  std::string path;
  Location here = location;
  while (true) {
    if (here.mount == root.mount) {
      const auto rest = relative_path(root.node, here.node);
      if (rest) return *rest + path;
    }
    const auto rest = relative_path(here.mount->root, here.node);
    if (!rest) return std::nullopt;
    path.insert(0, *rest);
    const auto place = here.mount->place();
    if (!place) return root.mount ? std::nullopt : std::optional<std::string>(path);
    here = place->mountpoint;
  }
}

}  // namespace litebox::rootfs
