#include "rootfs/host_file_system.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <mutex>

#include "rootfs/device_policy.h"
#include "rootfs/override_store.h"

namespace litebox::rootfs {

HostFileSystem::HostFileSystem(Ownership ownership, bool private_mount, std::shared_ptr<const DevicePolicy> devices,
                               std::shared_ptr<const IdMaps> ids)
    : ownership_(ownership), private_mount_(private_mount), devices_(std::move(devices)), ids_(std::move(ids)) {}

HostFileSystem::~HostFileSystem() = default;

void HostFileSystem::set_store(std::unique_ptr<OverrideStore> store) { store_ = std::move(store); }

Status HostFileSystem::admit(uint64_t mount_id, int fd) {
  if (mount_id == usual_.load(std::memory_order_relaxed)) return {};
  {
    const std::shared_lock<std::shared_mutex> guard(mutex_);
    for (const Seen& seen : seen_) {
      if (seen.mount_id == mount_id) return seen.refused ? Status(Error(EACCES)) : Status();
    }
  }
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) return last_error();
  const bool refused = status.f_type == PROC_SUPER_MAGIC;
  const std::unique_lock<std::shared_mutex> guard(mutex_);
  if (seen_.empty() && !refused) usual_.store(mount_id, std::memory_order_relaxed);
  seen_.push_back({mount_id, refused});
  return refused ? Status(Error(EACCES)) : Status();
}

bool HostFileSystem::knows(uint64_t mount_id) const {
  if (mount_id == usual_.load(std::memory_order_relaxed)) return true;
  const std::shared_lock<std::shared_mutex> guard(mutex_);
  return std::any_of(seen_.begin(), seen_.end(),
                     [mount_id](const Seen& seen) { return seen.mount_id == mount_id && !seen.refused; });
}

}  // namespace litebox::rootfs
