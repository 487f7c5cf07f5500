#include "shim/monitor/thread_cache.h"

#include "base/descriptor_limit.h"
#include "shim/kernel/pidfd.h"

namespace litebox::monitor {
namespace {

constexpr size_t kEntryLimit = 256;  // bounds the descriptors that the cache holds, where the monitor may hold enough

}  // namespace

Result<std::shared_ptr<const ThreadEntry>> ThreadCache::find(HostPid thread) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = entries_.find(thread);
    if (found != entries_.end() && !kernel::has_ended(found->second->pidfd.get())) return found->second;
  }
  auto entry = std::make_shared<ThreadEntry>();
  auto pidfd = kernel::open_thread_pidfd(thread);
  if (!pidfd.ok() && pidfd.error().number() == EMFILE) {
    clear();
    pidfd = kernel::open_thread_pidfd(thread);
  }
  if (!pidfd.ok()) return std::move(pidfd).error();
  entry->pidfd = std::move(*pidfd);
  LITEBOX_ASSIGN(entry->process, kernel::thread_group(entry->pidfd.get(), thread));
  const std::lock_guard<std::mutex> guard(mutex_);
  const size_t limit = cache_descriptors(kEntryLimit);
  if (entries_.size() >= limit) {
    std::erase_if(entries_, [](const auto& item) { return kernel::has_ended(item.second->pidfd.get()); });
    if (entries_.size() >= limit) entries_.clear();
  }
  entries_[thread] = entry;
  return std::shared_ptr<const ThreadEntry>(entry);
}

void ThreadCache::clear() {
  const std::lock_guard<std::mutex> guard(mutex_);
  entries_.clear();
}

}  // namespace litebox::monitor
