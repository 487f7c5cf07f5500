// Descriptors of synthetic nodes: what a guest holds for a file that only litebox knows, and the way back to the node.
//
// A guest must hold a real descriptor. For a synthetic directory or symlink (O_PATH) that is a placeholder: an empty file of
// the same type of its own in the container's scratch directory, unlinked at once, so that it is reachable through that
// descriptor only. For a synthetic file it is a memfd. The kernel tells by inotify(7) when the last descriptor of a
// placeholder is closed, wherever it had got to; the entry is dropped then, so inode numbers are never confused when the
// kernel uses one again. Without inotify (the user's limit is reached) placeholders keep their names until the registry
// ends, and memfds are not found again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

// Thread-safe.
class DescriptorRegistry {
 public:
  // `scratch`: a private directory (0700) of this container.
  static Result<std::shared_ptr<DescriptorRegistry>> make(const std::string& scratch);
  ~DescriptorRegistry();
  DescriptorRegistry(const DescriptorRegistry&) = delete;
  DescriptorRegistry& operator=(const DescriptorRegistry&) = delete;

  // Whether placeholders have no name from the beginning: of a directory the kernel says ENOENT then to who reads it.
  bool removes_placeholders() const { return watches_.valid(); }

  // A descriptor that stands for a synthetic directory (any flags of open(2) that do not write), or symlink (O_PATH only).
  Result<Fd> open_placeholder(const NodePtr& node, int flags);

  // Makes `fd` (a memfd that the caller is about to hand out) known as `node`.
  void remember(int fd, const NodePtr& node);

  // The node that a descriptor stands for; null when it is none of ours.
  NodePtr find(int fd);
  // The same, by the descriptor's st_dev and st_ino; the descriptor must still be open.
  NodePtr find(const NodeKey& key);

  // Forgets every descriptor. A node owns its file system, that one this registry, and this registry the nodes that are
  // open: whoever made the registry ends that circle before letting it go.
  void forget_all();

 private:
  struct Entry {
    NodePtr node;
    int watch = -1;
  };

  DescriptorRegistry(Fd directory, Fd watches) : directory_(std::move(directory)), watches_(std::move(watches)) {}
  bool insert(int fd, const NodePtr& node);
  void collect();
  void forget(int watch);
  void collect_after_overflow();

  std::mutex mutex_;
  Fd directory_;
  Fd watches_;  // inotify, non-blocking
  uint64_t next_name_ = 0;
  std::unordered_map<NodeKey, Entry, NodeKeyHash> entries_;
  std::unordered_map<int, NodeKey> by_watch_;
};

}  // namespace litebox::rootfs
