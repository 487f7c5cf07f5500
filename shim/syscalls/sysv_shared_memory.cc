// shmget(2), shmat(2), shmdt(2), shmctl(2) (ipc/shm.c).
#include "shim/kernel/sysv_shared_memory.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "shim/kernel/ipc_limits.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/ipc_caller.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::SysvSharedMemory;

constexpr uint64_t kPage = 4096;  // SHMLBA

SysvSharedMemory& memory() { return SysvSharedMemory::of_this_container(); }

shmid64_ds describe(const Call& call, const kernel::SharedMemoryStatus& status) {
  shmid64_ds description{};
  description.shm_perm = describe_ipc_permissions(status.permissions);
  description.shm_perm.mode |= status.flags;
  description.shm_segsz = status.size;
  description.shm_atime = status.attached;
  description.shm_dtime = status.detached;
  description.shm_ctime = status.changed;
  description.shm_cpid = visible_pid(call, status.creator);
  description.shm_lpid = visible_pid(call, status.last);
  description.shm_nattch = status.attachments;
  return description;
}

Reply limits(const Call& call) {
  const kernel::IpcLimits& in_force = kernel::ipc_limits();
  shminfo64 information{};
  information.shmmax = in_force.segment_bytes;
  information.shmmin = SHMMIN;
  information.shmmni = in_force.segments;
  information.shmseg = in_force.segments;
  information.shmall = in_force.pages;
  LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), information));
  return Reply::value(memory().usage().highest_index);
}

Reply usage(const Call& call) {
  const SysvSharedMemory::Usage used = memory().usage();
  shm_info information{};
  information.used_ids = used.segments;
  information.shm_tot = used.pages;
  information.shm_rss = used.resident_pages;
  LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), information));
  return Reply::value(used.highest_index);
}

// do_shmat(): where the segment goes; 0 leaves that to the kernel.
Result<uint64_t> place_of(uint64_t address, int flags) {
  if (address % kPage != 0) {
    if ((flags & SHM_RND) == 0) return Error(EINVAL);
    address -= address % kPage;
  }
  if (address == 0 && (flags & SHM_REMAP) != 0) return Error(EINVAL);
  return address;
}

// What mmap(2) says, as shmat(2) says it.
int64_t result_of_mapping(int64_t result) {
  switch (-result) {
    case EEXIST:  // something is there already
      return -EINVAL;
    case EMFILE:
    case ENFILE:
      return -ENOMEM;
    default:
      return result;
  }
}

Reply lock(Call& call, int id, bool locked) {
  struct rlimit64 limit {};
  const bool known = ::prlimit64(call.process.value(), RLIMIT_MEMLOCK, nullptr, &limit) == 0;
  return Reply::from(memory().lock(call.credentials(), id, locked, known && limit.rlim_cur != 0));
}

}  // namespace

Reply sys_shmget(Call& call) {
  const Result<int> id = memory().get(ipc_caller(call), call.integer(0), call.raw(1), call.integer(2));
  return id.ok() ? Reply::value(*id) : Reply::error(id.error());
}

Reply sys_shmat(Call& call) {
  const int id = call.integer(0);
  const int flags = call.integer(2);
  if (id < 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const uint64_t address, place_of(call.raw(1), flags));
  LITEBOX_OR_REPLY(SysvSharedMemory::Mapping mapping, memory().attach(ipc_caller(call), id, flags));
  if (address != 0 && address + mapping.length < address) return Reply::error(EINVAL);
  uint64_t protection = PROT_READ;
  if ((flags & SHM_RDONLY) == 0) protection |= PROT_WRITE;
  if ((flags & SHM_EXEC) != 0) protection |= PROT_EXEC;
  uint64_t how = MAP_SHARED;
  if (address != 0) how |= (flags & SHM_REMAP) != 0 ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  constexpr size_t kDescriptor = 4;
  return Reply::in_guest(Reply::InGuest{
      SYS_mmap,
      {{address, mapping.length, protection, how, 0, 0}},
      std::move(mapping.descriptor),
      kDescriptor,
      [id, process = call.process](int64_t result) {
        if (result < 0 && result >= -4095) return result_of_mapping(result);
        memory().attached(process, id);
        return result;
      },
  });
}

Reply sys_shmdt(Call& call) {
  LITEBOX_OR_REPLY(const SysvSharedMemory::Detachment found, memory().detach(ipc_caller(call), call.raw(0)));
  std::vector<std::array<uint64_t, 6>> pieces;
  for (const auto& [first, second] : found.ranges) pieces.push_back({first, second - first, 0, 0, 0, 0});
  return Reply::in_guest(
      Reply::InGuest{SYS_munmap, std::move(pieces), Fd(), 0, [id = found.id, process = call.process](int64_t result) {
                       memory().detached(process, id);
                       return result;
                     }});
}

Reply sys_shmctl(Call& call) {
  const int id = call.integer(0);
  const int command = call.integer(1);
  const kernel::Credentials& caller = call.credentials();
  if (id < 0 || command < 0) return Reply::error(EINVAL);
  switch (command) {
    case IPC_INFO:
      return limits(call);
    case SHM_INFO:
      return usage(call);
    case IPC_STAT: {
      LITEBOX_OR_REPLY(const auto status, memory().status(caller, id));
      return Reply::from(call.memory.write_value(call.address(2), describe(call, status)));
    }
    case SHM_STAT:
    case SHM_STAT_ANY: {
      LITEBOX_OR_REPLY(const auto status, memory().status_at(caller, id, command == SHM_STAT_ANY));
      LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), describe(call, status)));
      return Reply::value(status.permissions.id);
    }
    case IPC_SET: {
      LITEBOX_OR_REPLY(const auto wanted, call.memory.read_value<shmid64_ds>(call.address(2)));
      return Reply::from(memory().set_owner(caller, id, wanted.shm_perm));
    }
    case IPC_RMID:
      return Reply::from(memory().remove(caller, id));
    case SHM_LOCK:
    case SHM_UNLOCK:
      return lock(call, id, command == SHM_LOCK);
    default:
      return Reply::error(EINVAL);
  }
}

}  // namespace litebox::syscalls
