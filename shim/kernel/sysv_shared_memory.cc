#include "shim/kernel/sysv_shared_memory.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>

#include "shim/kernel/ipc_limits.h"

namespace litebox::kernel {
namespace {

constexpr unsigned kRead = S_IRUSR | S_IRGRP | S_IROTH;
constexpr unsigned kWrite = S_IWUSR | S_IWGRP | S_IWOTH;
constexpr unsigned kExecute = S_IXUSR | S_IXGRP | S_IXOTH;
constexpr uint64_t kPage = 4096;
// include/linux/shm.h: in shm_perm.mode.
constexpr unsigned kRemoved = 01000;
constexpr unsigned kLocked = 02000;
constexpr const char* kMappedName = "/memfd:SYSV";

uint64_t pages_of(uint64_t size) { return size / kPage + (size % kPage != 0 ? 1 : 0); }

// What the kernel would never commit (mm/util.c, __vm_enough_memory with OVERCOMMIT_GUESS).
bool exceeds_memory(uint64_t size) {
  struct sysinfo memory {};
  if (::sysinfo(&memory) != 0) return false;
  return size / memory.mem_unit > memory.totalram + memory.totalswap;
}

Result<Fd> reopen(int fd, int flags) {
  Fd opened(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), flags | O_CLOEXEC));
  if (!opened) return last_error();
  return opened;
}

uint64_t hexadecimal(const char* from, const char* to) {
  uint64_t number = 0;
  (void)std::from_chars(from, to, number, 16);
  return number;
}

}  // namespace

// Memory that is kept from being swapped out (shmem_lock).
class SysvSharedMemory::Pinned {
 public:
  static Result<std::unique_ptr<Pinned>> make(int memory, size_t size) {
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (at == MAP_FAILED) return last_error();
    auto pinned = std::unique_ptr<Pinned>(new Pinned(at, size));
    if (::mlock2(at, size, MLOCK_ONFAULT) != 0) return Error(ENOMEM);
    return pinned;
  }
  ~Pinned() { ::munmap(at_, size_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  Pinned(void* at, size_t size) : at_(at), size_(size) {}
  void* at_;
  size_t size_;
};

SysvSharedMemory::SysvSharedMemory() : segments_(ipc_limits().segments) {}

SysvSharedMemory& SysvSharedMemory::of_this_container() {
  static auto* memory = new SysvSharedMemory;  // never destroyed: threads use it until the process ends
  return *memory;
}

// newseg()
Result<SysvSharedMemory::SegmentPointer> SysvSharedMemory::make(const IpcCaller& caller, size_t size, int flags, key_t key) {
  const IpcLimits& limits = ipc_limits();
  if (size < SHMMIN || size > limits.segment_bytes) return Error(EINVAL);
  const uint64_t pages = pages_of(size);
  if (pages > limits.pages || pages_ > limits.pages - pages) return Error(ENOSPC);
  if ((flags & SHM_HUGETLB) != 0) return Error(ENOMEM);
  if ((flags & SHM_NORESERVE) == 0 && exceeds_memory(size)) return Error(ENOMEM);
  char name[16];
  (void)std::snprintf(name, sizeof name, "SYSV%08x", static_cast<unsigned>(key));
  auto segment = std::make_shared<Segment>();
  segment->memory.reset(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!segment->memory) return Error(errno == EMFILE || errno == ENFILE ? ENOSPC : errno);
  struct stat status {};
  if (::ftruncate(segment->memory.get(), static_cast<off_t>(pages * kPage)) != 0 ||
      ::fcntl(segment->memory.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) != 0 ||
      ::fstat(segment->memory.get(), &status) != 0) {
    return Error(ENOMEM);
  }
  // The descriptor that a guest maps is opened anew with the access that was asked for, which its mode must not forbid.
  (void)::fchmod(segment->memory.get(), 0700);
  segment->key = {status.st_dev, status.st_ino};
  segment->size = size;
  segment->creator = caller.process;
  segment->changed = time(nullptr);
  pages_ += pages;
  return segment;
}

Result<int> SysvSharedMemory::get(const IpcCaller& caller, key_t key, size_t size, int flags) {
  const std::scoped_lock lock(mutex_);
  return segments_.get(
      caller.credentials, key, flags,
      [size](const Segment& segment) -> Status { return segment.size < size ? Status(Error(EINVAL)) : Status(); },
      [&] { return make(caller, size, flags, key); });
}

Result<SysvSharedMemory::Mapping> SysvSharedMemory::attach(const IpcCaller& caller, int id, int flags) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SegmentPointer segment, segments_.find(id));
  const bool read_only = (flags & SHM_RDONLY) != 0;
  const unsigned wanted = kRead | (read_only ? 0 : kWrite) | ((flags & SHM_EXEC) != 0 ? kExecute : 0);
  LITEBOX_TRY(check_ipc_access(segment->permissions, caller.credentials, wanted));
  Mapping mapping;
  LITEBOX_ASSIGN(mapping.descriptor, reopen(segment->memory.get(), read_only ? O_RDONLY : O_RDWR));
  mapping.length = pages_of(segment->size) * kPage;
  return mapping;
}

void SysvSharedMemory::attached(HostPid process, int id) {
  const std::scoped_lock lock(mutex_);
  const auto segment = segments_.find(id);
  if (!segment.ok()) return;
  (*segment)->attached = time(nullptr);
  (*segment)->last = process;
  watch(process);
  attached_by_[process].insert(id);
}

// ksys_shmdt(): the mapping whose beginning, were it whole, would be at `address`, and what else of the segment is mapped at
// its own place after that.
Result<SysvSharedMemory::Detachment> SysvSharedMemory::detach(const IpcCaller& caller, uint64_t address) {
  if (address % kPage != 0) return Error(EINVAL);
  const std::scoped_lock lock(mutex_);
  const Attachments mine = attachments_of(caller.process);
  for (const auto& [index, segment] : segments_.objects()) {
    Detachment detachment;
    detachment.id = segment->permissions.id;
    const auto [first, last] = mine.equal_range(segment->key.inode);
    for (auto each = first; each != last; ++each) {
      const auto& [process, range, offset] = each->second;
      if (range.first >= address && range.first - address == offset) detachment.ranges.push_back(range);
    }
    if (!detachment.ranges.empty()) return detachment;
  }
  return Error(EINVAL);
}

void SysvSharedMemory::detached(HostPid process, int id) {
  const std::scoped_lock lock(mutex_);
  const auto segment = segments_.find(id);
  if (!segment.ok()) return;
  (*segment)->detached = time(nullptr);
  (*segment)->last = process;
  collect();
}

void SysvSharedMemory::executed(HostPid process) {
  const std::scoped_lock lock(mutex_);
  if (segments_.objects().empty()) return;
  ended(process);
}

void SysvSharedMemory::watch(HostPid process) {
  if (attached_by_.count(process) != 0) return;
  const Status watched = exits_.watch(process, [this, process] {
    const std::scoped_lock lock(mutex_);
    ended(process);
    attached_by_.erase(process);
  });
  if (watched.ok()) attached_by_[process];
}

void SysvSharedMemory::ended(HostPid process) {
  if (const auto mine = attached_by_.find(process); mine != attached_by_.end()) {
    for (const int id : mine->second) {
      const auto segment = segments_.find(id);
      if (!segment.ok()) continue;
      (*segment)->detached = time(nullptr);
      (*segment)->last = process;
    }
    mine->second.clear();
  }
  collect();
}

// Lets go what was removed and is mapped no more. Whoever still has such a segment is watched: it may have inherited it.
void SysvSharedMemory::collect() {
  std::vector<SegmentPointer> removed;
  for (const auto& [index, segment] : segments_.objects()) {
    if (segment->removed) removed.push_back(segment);
  }
  if (removed.empty()) return;
  const Attachments mapped = attachments();
  for (const SegmentPointer& segment : removed) {
    const auto [first, last] = mapped.equal_range(segment->key.inode);
    if (first == last) {
      destroy(*segment);
      continue;
    }
    for (auto each = first; each != last; ++each) watch(each->second.process);
  }
}

void SysvSharedMemory::destroy(const Segment& segment) {
  pages_ -= pages_of(segment.size);
  segments_.remove(segment);
}

// "7f1234560000-7f1234570000 rw-s 00000000 00:01 1027    /memfd:SYSV00000000 (deleted)": proc_pid_maps(5). The name says
// which lines are worth looking at, the inode whose memory it is: a memfd of a guest's own is another.
SysvSharedMemory::Attachments SysvSharedMemory::attachments_of(HostPid process) const {
  Attachments found;
  std::ifstream maps("/proc/" + std::to_string(process.value()) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(kMappedName) == std::string::npos) continue;
    const size_t dash = line.find('-');
    const size_t space = line.find(' ', dash);
    const size_t permissions = line.find(' ', space + 1);
    const size_t device = line.find(' ', permissions + 1);
    const size_t number = line.find(' ', device + 1);
    if (dash == std::string::npos || number == std::string::npos) continue;
    Attached attached;
    attached.process = process;
    attached.range = {hexadecimal(line.data(), line.data() + dash), hexadecimal(line.data() + dash + 1, line.data() + space)};
    attached.offset = hexadecimal(line.data() + permissions + 1, line.data() + device);
    uint64_t inode = 0;
    (void)std::from_chars(line.data() + number + 1, line.data() + line.size(), inode);
    found.emplace(inode, attached);
  }
  return found;
}

SysvSharedMemory::Attachments SysvSharedMemory::attachments() const {
  Attachments found;
  if (!members_) return found;
  for (const HostPid member : members_()) found.merge(attachments_of(member));
  return found;
}

SharedMemoryStatus SysvSharedMemory::describe(const Segment& segment, const Attachments& attachments) {
  SharedMemoryStatus status;
  status.permissions = segment.permissions;
  status.flags = (segment.removed ? kRemoved : 0U) | (segment.pinned ? kLocked : 0U);
  status.size = segment.size;
  status.attached = segment.attached;
  status.detached = segment.detached;
  status.changed = segment.changed;
  status.creator = segment.creator;
  status.last = segment.last;
  status.attachments = attachments.count(segment.key.inode);
  struct stat memory {};
  constexpr uint64_t kBlocksInPage = kPage / 512;
  if (::fstat(segment.memory.get(), &memory) == 0) {
    status.resident_pages = static_cast<uint64_t>(memory.st_blocks) / kBlocksInPage;
  }
  return status;
}

Result<SharedMemoryStatus> SysvSharedMemory::status(const Credentials& caller, int id) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SegmentPointer segment, segments_.find(id));
  LITEBOX_TRY(check_ipc_access(segment->permissions, caller, kRead));
  return describe(*segment, attachments());
}

Result<SharedMemoryStatus> SysvSharedMemory::status_at(const Credentials& caller, int index, bool any) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SegmentPointer segment, segments_.at(index));
  if (!any) LITEBOX_TRY(check_ipc_access(segment->permissions, caller, kRead));
  return describe(*segment, attachments());
}

Status SysvSharedMemory::set_owner(const Credentials& caller, int id, const struct ipc64_perm& wanted) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SegmentPointer segment, segments_.find(id));
  LITEBOX_TRY(check_ipc_owner(segment->permissions, caller));
  set_ipc_permissions(segment->permissions, wanted);
  segment->changed = time(nullptr);
  return {};
}

Status SysvSharedMemory::remove(const Credentials& caller, int id) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SegmentPointer segment, segments_.find(id));
  LITEBOX_TRY(check_ipc_owner(segment->permissions, caller));
  segment->removed = true;
  segment->permissions.key = IPC_PRIVATE;  // nobody finds it by its key any more
  collect();
  return {};
}

Status SysvSharedMemory::lock(const Credentials& caller, int id, bool locked, bool may_lock) {
  const std::scoped_lock guard(mutex_);
  LITEBOX_ASSIGN(const SegmentPointer segment, segments_.find(id));
  if (!caller.has(CAP_IPC_LOCK)) {
    const IpcPermissions& owner = segment->permissions;
    if (caller.euid != owner.uid && caller.euid != owner.creator_uid) return Error(EPERM);
    if (locked && !may_lock) return Error(EPERM);
  }
  if (!locked) {
    segment->pinned.reset();
  } else if (!segment->pinned) {
    LITEBOX_ASSIGN(segment->pinned, Pinned::make(segment->memory.get(), pages_of(segment->size) * kPage));
  }
  return {};
}

SysvSharedMemory::Usage SysvSharedMemory::usage() {
  const std::scoped_lock lock(mutex_);
  Usage usage;
  usage.segments = static_cast<int>(segments_.objects().size());
  usage.pages = pages_;
  usage.highest_index = segments_.highest_index();
  const Attachments none;
  for (const auto& [index, segment] : segments_.objects()) usage.resident_pages += describe(*segment, none).resident_pages;
  return usage;
}

std::vector<SharedMemoryStatus> SysvSharedMemory::all() {
  const std::scoped_lock lock(mutex_);
  std::vector<SharedMemoryStatus> result;
  if (segments_.objects().empty()) return result;
  const Attachments mapped = attachments();
  for (const auto& [index, segment] : segments_.objects()) result.push_back(describe(*segment, mapped));
  return result;
}

}  // namespace litebox::kernel
