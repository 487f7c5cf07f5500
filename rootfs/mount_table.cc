#include "rootfs/mount_table.h"

namespace litebox::rootfs {
MountTable::MountTable(std::vector<MountPtr> mounts) : mounts_(std::move(mounts)) {
  for (const MountPtr& mount : mounts_) {
    const auto place = mount->place();
    if (!place) continue;
    const NodeKey key = place->mountpoint.node->key();
    by_mountpoint_.insert({{place->parent->id, key}, {mount, place->name}});
    covered_.insert(key);
    names_.insert(place->name);
  }
}

MountPtr MountTable::covering(int mount, const Node& node, std::string_view name) const {
  const auto [begin, end] = by_mountpoint_.equal_range({mount, node.key()});
  for (auto cover = begin; cover != end; ++cover) {
    if (node.is_directory() || name.empty() || name == cover->second.name) return cover->second.mount;
  }
  return nullptr;
}

Location MountTable::cross(Location location, std::string_view name) const {
  while (location.mount && location.node) {
    MountPtr above = covering(location.mount->id, *location.node, name);
    if (!above) break;
    location = {above, above->root};
    name = {};
  }
  return location;
}

}  // namespace litebox::rootfs
