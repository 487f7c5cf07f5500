// System V shared memory of the container (sysvipc(7), shmget(2), shmop(2), shmctl(2); ipc/shm.c).
//
// A segment is a sealed memfd of the monitor's. A guest that attaches it maps a descriptor of it, so that fork inherits the
// mapping, and exec and exit end it, by the kernel's own doing. How often a segment is attached is therefore read where the
// kernel has it, in the maps of the members' memory; a segment that was removed while attached (SHM_DEST) goes when a
// detaching call, an exec or an exit leaves it without a mapping.
//
// Differences: the times and the process of the last detach come from shmdt(2), exec and the exit of a process that attached
// the segment itself; a forked child's exit leaves them alone. A guest that unmaps a removed segment by munmap(2) frees it
// when it ends. Without huge pages of its own the container has none for SHM_HUGETLB: ENOMEM.
#pragma once

#include <linux/shm.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "rootfs/node.h"
#include "shim/kernel/exit_watch.h"
#include "shim/kernel/sysv_ids.h"

namespace litebox::kernel {

struct SharedMemoryStatus {
  IpcPermissions permissions;
  unsigned flags = 0;  // SHM_DEST, SHM_LOCKED
  size_t size = 0;
  time_t attached = 0;  // shm_atime
  time_t detached = 0;  // shm_dtime
  time_t changed = 0;   // shm_ctime
  HostPid creator;
  HostPid last;
  unsigned long attachments = 0;
  uint64_t resident_pages = 0;
};

// Thread-safe. Errors are those of the manual pages.
class SysvSharedMemory {
 public:
  SysvSharedMemory();
  static SysvSharedMemory& of_this_container();

  // Who may have segments mapped. Set once, before guests run.
  void set_members(std::function<std::vector<HostPid>()> members) { members_ = std::move(members); }

  Result<int> get(const IpcCaller& caller, key_t key, size_t size, int flags);

  // What shmat(2) is to map, by a descriptor that allows no more than `flags` ask for (SHM_RDONLY, SHM_EXEC).
  struct Mapping {
    Fd descriptor;
    size_t length = 0;  // whole pages
  };
  Result<Mapping> attach(const IpcCaller& caller, int id, int flags);
  // It has been mapped.
  void attached(HostPid process, int id);

  // The pieces of the segment that is attached at `address`, [first, second); EINVAL.
  using Range = std::pair<uint64_t, uint64_t>;
  struct Detachment {
    int id = 0;
    std::vector<Range> ranges;
  };
  Result<Detachment> detach(const IpcCaller& caller, uint64_t address);
  void detached(HostPid process, int id);
  // The process has begun another program: nothing is attached to it any more.
  void executed(HostPid process);

  Result<SharedMemoryStatus> status(const Credentials& caller, int id);
  // SHM_STAT; `any`: SHM_STAT_ANY, without permission.
  Result<SharedMemoryStatus> status_at(const Credentials& caller, int index, bool any);
  // IPC_SET: owner and mode.
  Status set_owner(const Credentials& caller, int id, const struct ipc64_perm& wanted);
  Status remove(const Credentials& caller, int id);
  // SHM_LOCK and SHM_UNLOCK. `may_lock`: the caller's RLIMIT_MEMLOCK is not 0. ENOMEM beyond the monitor's own limit.
  Status lock(const Credentials& caller, int id, bool locked, bool may_lock);

  // For IPC_INFO and SHM_INFO.
  struct Usage {
    int segments = 0;
    uint64_t pages = 0;
    uint64_t resident_pages = 0;
    int highest_index = 0;
  };
  Usage usage();
  std::vector<SharedMemoryStatus> all();

 private:
  class Pinned;
  struct Segment {
    IpcPermissions permissions;
    Fd memory;
    rootfs::NodeKey key;
    size_t size = 0;
    bool removed = false;
    std::unique_ptr<Pinned> pinned;
    time_t attached = 0;
    time_t detached = 0;
    time_t changed = 0;
    HostPid creator;
    HostPid last;
  };
  using SegmentPointer = std::shared_ptr<Segment>;
  // One mapping of a segment, by anybody.
  struct Attached {
    HostPid process;
    Range range;
    uint64_t offset = 0;
  };
  using Attachments = std::multimap<uint64_t, Attached>;  // by the memory's inode

  Result<SegmentPointer> make(const IpcCaller& caller, size_t size, int flags, key_t key);
  Attachments attachments_of(HostPid process) const;
  Attachments attachments() const;
  static SharedMemoryStatus describe(const Segment& segment, const Attachments& attachments);
  void destroy(const Segment& segment);
  void collect();
  void watch(HostPid process);
  void ended(HostPid process);

  std::function<std::vector<HostPid>()> members_;
  std::mutex mutex_;
  IpcTable<Segment> segments_;
  uint64_t pages_ = 0;  // of all segments
  std::map<HostPid, std::set<int>> attached_by_;
  ExitWatch exits_;
};

}  // namespace litebox::kernel
