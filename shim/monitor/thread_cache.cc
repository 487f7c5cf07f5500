#include "shim/monitor/thread_cache.h"

#include "base/descriptor_limit.h"
#include "shim/kernel/pidfd.h"

namespace litebox::monitor {
namespace {

constexpr size_t kEntryLimit = 256;  // bounds the descriptors that the cache holds, where the monitor may hold enough

}  // namespace

Result<kernel::ProcessStatePtr> ThreadEntry::state(const kernel::World& world) const {
  const uint64_t version = world.states_version();  // before the state: a change meanwhile makes it look old, never new
  const std::lock_guard<std::mutex> guard(mutex_);
  if (version != 0 && version == version_) return state_;
  LITEBOX_ASSIGN(state_, world.state_of(thread_));
  version_ = version;
  return state_;
}

Result<std::shared_ptr<const ThreadEntry>> ThreadCache::find(HostPid thread) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = entries_.find(thread);
    if (found != entries_.end() && !kernel::has_ended(found->second->pidfd())) return found->second;
  }
  auto pidfd = kernel::open_thread_pidfd(thread);
  if (!pidfd.ok() && pidfd.error().number() == EMFILE) {
    clear();
    pidfd = kernel::open_thread_pidfd(thread);
  }
  if (!pidfd.ok()) return std::move(pidfd).error();
  LITEBOX_ASSIGN(const HostPid process, kernel::thread_group(pidfd->get(), thread));
  auto entry = std::make_shared<const ThreadEntry>(thread, std::move(*pidfd), process);
  const std::lock_guard<std::mutex> guard(mutex_);
  const size_t limit = cache_descriptors(kEntryLimit);
  if (entries_.size() >= limit) {
    std::erase_if(entries_, [](const auto& item) { return kernel::has_ended(item.second->pidfd()); });
    if (entries_.size() >= limit) entries_.clear();
  }
  entries_[thread] = entry;
  return entry;
}

void ThreadCache::clear() {
  const std::lock_guard<std::mutex> guard(mutex_);
  entries_.clear();
}

}  // namespace litebox::monitor
