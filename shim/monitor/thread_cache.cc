#include "shim/monitor/thread_cache.h"

#include "shim/kernel/pidfd.h"

namespace litebox::monitor {
namespace {

constexpr size_t kEntryLimit = 256;  // bounds the descriptors that the cache holds

}  // namespace

Result<std::shared_ptr<const ThreadEntry>> ThreadCache::find(HostPid thread) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = entries_.find(thread);
    if (found != entries_.end() && !kernel::has_ended(found->second->pidfd.get())) return found->second;
  }
  auto entry = std::make_shared<ThreadEntry>();
  LITEBOX_ASSIGN(entry->pidfd, kernel::open_thread_pidfd(thread));
  LITEBOX_ASSIGN(entry->process, kernel::thread_group(entry->pidfd.get(), thread));
  const std::lock_guard<std::mutex> guard(mutex_);
  if (entries_.size() >= kEntryLimit) {
    std::erase_if(entries_, [](const auto& item) { return kernel::has_ended(item.second->pidfd.get()); });
    if (entries_.size() >= kEntryLimit) entries_.clear();
  }
  entries_[thread] = entry;
  return std::shared_ptr<const ThreadEntry>(entry);
}

}  // namespace litebox::monitor
