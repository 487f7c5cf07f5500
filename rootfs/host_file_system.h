// What the nodes of one mounted host directory (or file) share.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/id_maps.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

class DevicePolicy;
class OverrideStore;

// How ownership is kept (design: "two ownership modes").
enum class Ownership {
  native,    // the monitor may chown: inside ids are the host's
  recorded,  // an ordinary user: ids, mode bits and device numbers live in user.containers.override_stat
};

class HostFileSystem {
 public:
  // `private_mount`: the root lies in a mount that nothing else uses (a detached clone, a tmpfs of its own), so that a
  // descriptor's mount id alone says that it belongs here. `store` (recorded ownership only) and `devices` may be null: no
  // records, no devices. `ids` (native ownership only): null where the files' ids are the container's.
  HostFileSystem(Ownership ownership, bool private_mount, std::shared_ptr<const DevicePolicy> devices,
                 std::shared_ptr<const IdMaps> ids = nullptr);
  ~HostFileSystem();

  Ownership ownership() const { return ownership_; }
  bool private_mount() const { return private_mount_; }
  const IdMaps* ids() const { return ids_.get(); }
  const std::shared_ptr<const IdMaps>& id_maps() const { return ids_; }
  const DevicePolicy* devices() const { return devices_.get(); }
  const std::shared_ptr<const DevicePolicy>& device_policy() const { return devices_; }

  // The mode `recorded`: records of what cannot carry them. Set once, before the first node.
  void set_store(std::unique_ptr<OverrideStore> store);
  OverrideStore* store() const { return store_.get(); }

  // Whether the host has mounts below the root that are shown as well. Set once, before the first node.
  void set_submounts(bool submounts) { submounts_ = submounts; }
  bool shows_submounts() const { return submounts_; }

  // The mode `recorded`: that a regular file of this file system may stand for a device node, known from the first one seen.
  void note_recorded_device() { recorded_devices_.store(true, std::memory_order_relaxed); }
  bool has_recorded_devices() const { return recorded_devices_.load(std::memory_order_relaxed); }

  // Whether a file on host mount `mount_id` may be shown: a lookup has led there from the root. EACCES for a procfs of the
  // host, whose magic links would be the monitor's. `fd` is any descriptor on that mount.
  Status admit(uint64_t mount_id, int fd);
  // Whether a lookup has ever led to that mount.
  bool knows(uint64_t mount_id) const;

 private:
  struct Seen {
    uint64_t mount_id;
    bool refused;
  };
  const Ownership ownership_;
  const bool private_mount_;
  std::shared_ptr<const DevicePolicy> devices_;
  const std::shared_ptr<const IdMaps> ids_;
  std::unique_ptr<OverrideStore> store_;
  std::atomic<bool> recorded_devices_{false};
  bool submounts_ = false;
  std::atomic<uint64_t> usual_{0};  // the root's own mount id, which almost every file is on
  mutable std::shared_mutex mutex_;
  std::vector<Seen> seen_;
};

using HostFileSystemPtr = std::shared_ptr<HostFileSystem>;

}  // namespace litebox::rootfs
