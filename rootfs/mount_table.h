// The mounts of a tree and what covers what. Immutable: a change makes a new table (Tree keeps the present one).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rootfs/tree.h"

namespace litebox::rootfs {

class MountTable {
 public:
  explicit MountTable(std::vector<MountPtr> mounts);

  const std::vector<MountPtr>& mounts() const { return mounts_; }
  const MountPtr& root() const { return mounts_.front(); }

  // The mount that covers `node` of mount `mount`, or null. A covered file is known by its name, too (`name`, where one is
  // known): another hard link of it is not covered.
  MountPtr covering(int mount, const Node& node, std::string_view name) const;
  // `location` with every mount stacked on it crossed.
  Location cross(Location location, std::string_view name = {}) const;

  bool covers(const NodeKey& key) const { return covered_.count(key) != 0; }
  // Whether some mountpoint has this name: a path without any such name and without ".." stays in one mount.
  bool has_name(std::string_view name) const { return names_.find(name) != names_.end(); }

 private:
  struct Covered {
    int mount = 0;
    NodeKey key;
    bool operator==(const Covered&) const = default;
  };
  struct CoveredHash {
    size_t operator()(const Covered& covered) const noexcept {
      return NodeKeyHash{}(covered.key) * 31 + static_cast<size_t>(covered.mount);
    }
  };

  std::vector<MountPtr> mounts_;  // in order of mounting
  struct Cover {
    MountPtr mount;
    std::string name;  // of what it covers
  };
  std::unordered_multimap<Covered, Cover, CoveredHash> by_mountpoint_;  // several of a file with several names
  std::unordered_set<NodeKey, NodeKeyHash> covered_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace litebox::rootfs
