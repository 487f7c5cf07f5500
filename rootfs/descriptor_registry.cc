#include "rootfs/descriptor_registry.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <unordered_set>
#include <vector>

namespace litebox::rootfs {
namespace {

constexpr const char* kDirectoryName = "descriptors";

Result<NodeKey> key_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return last_error();
  return NodeKey{status.st_dev, status.st_ino};
}

}  // namespace

Result<std::shared_ptr<DescriptorRegistry>> DescriptorRegistry::make(const std::string& scratch) {
  const std::string path = scratch + "/" + kDirectoryName;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return last_error("mkdir " + path);
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return last_error("open " + path);
  Fd watches(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  return std::shared_ptr<DescriptorRegistry>(new DescriptorRegistry(std::move(directory), std::move(watches)));
}

DescriptorRegistry::~DescriptorRegistry() {
  if (watches_) return;  // every placeholder was unlinked when it was made
  for (uint64_t i = 0; i < next_name_; ++i) {
    const std::string name = std::to_string(i);
    if (::unlinkat(directory_.get(), name.c_str(), AT_REMOVEDIR) != 0) (void)::unlinkat(directory_.get(), name.c_str(), 0);
  }
}

Result<Fd> DescriptorRegistry::open_placeholder(const NodePtr& node, int flags) {
  const std::lock_guard<std::mutex> guard(mutex_);
  collect();
  const std::string name = std::to_string(next_name_++);
  const bool is_directory = node->is_directory();
  if (is_directory) {
    if (::mkdirat(directory_.get(), name.c_str(), 0555) != 0) return last_error();
  } else if (::symlinkat("synthetic", directory_.get(), name.c_str()) != 0) {
    return last_error();
  }
  const int kept = flags & (O_PATH | O_NONBLOCK | O_NOATIME | O_DIRECTORY | O_DSYNC);
  Fd fd(::openat(directory_.get(), name.c_str(), kept | O_NOFOLLOW | O_CLOEXEC | (is_directory ? O_DIRECTORY : O_PATH)));
  const int open_error = errno;
  if (watches_ || !fd) (void)::unlinkat(directory_.get(), name.c_str(), is_directory ? AT_REMOVEDIR : 0);
  if (!fd) return Error(open_error);
  if (!insert(fd.get(), node)) return Error(ENOMEM);
  return fd;
}

void DescriptorRegistry::remember(int fd, const NodePtr& node) {
  const std::lock_guard<std::mutex> guard(mutex_);
  collect();
  if (watches_) (void)insert(fd, node);
}

NodePtr DescriptorRegistry::find(int fd) {
  const auto key = key_of(fd);
  return key ? find(*key) : nullptr;
}

NodePtr DescriptorRegistry::find(const NodeKey& key) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (entries_.count(key) == 0) return nullptr;
  // The caller's descriptor exists already, so if its inode number was once that of a placeholder, that one's end is queued.
  collect();
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.node;
}

void DescriptorRegistry::forget_all() {
  std::unordered_map<NodeKey, Entry, NodeKeyHash> entries;  // destroyed once the lock is free again
  const std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& [watch, key] : by_watch_) (void)::inotify_rm_watch(watches_.get(), watch);
  by_watch_.clear();
  entries.swap(entries_);
}

bool DescriptorRegistry::insert(int fd, const NodePtr& node) {
  const auto key = key_of(fd);
  if (!key) return false;
  Entry entry{node, -1};
  if (watches_) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    entry.watch = ::inotify_add_watch(watches_.get(), path.c_str(), IN_DELETE_SELF);
    if (entry.watch < 0) return false;
    by_watch_[entry.watch] = *key;
  }
  entries_[*key] = std::move(entry);
  return true;
}

void DescriptorRegistry::forget(int watch) {
  const auto found = by_watch_.find(watch);
  if (found == by_watch_.end()) return;
  const auto entry = entries_.find(found->second);
  if (entry != entries_.end() && entry->second.watch == watch) entries_.erase(entry);
  by_watch_.erase(found);
}

void DescriptorRegistry::collect() {
  if (!watches_) return;
  alignas(struct inotify_event) char buffer[4096];
  while (true) {
    const ssize_t size = ::read(watches_.get(), buffer, sizeof buffer);
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      struct inotify_event event {};
      std::memcpy(&event, buffer + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) collect_after_overflow();
      if ((event.mask & IN_IGNORED) != 0) forget(event.wd);
    }
  }
}

// Events were lost: what still has a watch is still open (proc(5), fdinfo of inotify descriptors).
void DescriptorRegistry::collect_after_overflow() {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(watches_.get()));
  if (!info) return;
  std::unordered_set<int> alive;
  for (std::string line; std::getline(info, line);) {
    int watch = 0;
    if (std::sscanf(line.c_str(), "inotify wd:%x", reinterpret_cast<unsigned*>(&watch)) == 1) alive.insert(watch);
  }
  std::vector<int> ended;
  for (const auto& [watch, key] : by_watch_) {
    if (alive.count(watch) == 0) ended.push_back(watch);
  }
  for (const int watch : ended) forget(watch);
}

}  // namespace litebox::rootfs
