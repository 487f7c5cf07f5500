// semget(2), semop(2), semtimedop(2), semctl(2) (ipc/sem.c).
#include "shim/kernel/sysv_semaphores.h"

#include "shim/kernel/ipc_limits.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/ipc_caller.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::SysvSemaphores;

SysvSemaphores& semaphores() { return SysvSemaphores::of_this_container(); }

Reply operate(const Call& call, const std::optional<timespec>& timeout) {
  const int id = call.integer(0);
  const uint64_t count = call.flags(2);
  if (count > kernel::ipc_limits().operations) return Reply::error(E2BIG);
  if (count < 1) return Reply::error(EINVAL);
  std::vector<sembuf> operations(count);
  LITEBOX_CHECK_REPLY(call.memory.read(call.address(1), operations.data(), count * sizeof(sembuf)));
  if (id < 0) return Reply::error(EINVAL);
  constexpr long kNanoseconds = 1'000'000'000;
  if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= kNanoseconds)) return Reply::error(EINVAL);
  return Reply::from(semaphores().operate(ipc_caller(call), id, std::move(operations), timeout, blocking(call)));
}

semid64_ds describe(const kernel::SemaphoreSetStatus& status) {
  semid64_ds description{};
  description.sem_perm = describe_ipc_permissions(status.permissions);
  description.sem_otime = status.operated;
  description.sem_ctime = status.changed;
  description.sem_nsems = status.count;
  return description;
}

Reply limits(const Call& call, bool with_usage) {
  const SysvSemaphores::Usage usage = semaphores().usage();
  seminfo information{};
  information.semmap = SEMMAP;
  const kernel::IpcLimits& limits = kernel::ipc_limits();
  information.semmni = static_cast<int>(limits.sets);
  information.semmns = static_cast<int>(limits.semaphores);
  information.semmnu = SEMMNU;
  information.semmsl = static_cast<int>(limits.set_semaphores);
  information.semopm = static_cast<int>(limits.operations);
  information.semume = SEMUME;
  information.semusz = with_usage ? usage.sets : static_cast<int>(kernel::kSemaphoreUndoSize);
  information.semvmx = SEMVMX;
  information.semaem = with_usage ? usage.semaphores : SEMAEM;
  LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(3), information));
  return Reply::value(usage.highest_index);
}

Reply all_values(const Call& call, int id) {
  LITEBOX_OR_REPLY(const std::vector<unsigned short> values, semaphores().values(call.credentials(), id));
  return Reply::from(call.memory.write(call.address(3), values.data(), values.size() * sizeof values[0]));
}

Reply set_all_values(const Call& call, int id) {
  LITEBOX_OR_REPLY(const size_t count, semaphores().settable(call.credentials(), id));
  std::vector<unsigned short> values(count);
  LITEBOX_CHECK_REPLY(call.memory.read(call.address(3), values.data(), count * sizeof values[0]));
  return Reply::from(semaphores().set_values(ipc_caller(call), id, values));
}

Reply from(const Result<int>& result) { return result.ok() ? Reply::value(*result) : Reply::error(result.error()); }

}  // namespace

Reply sys_semget(Call& call) {
  return from(semaphores().get(call.credentials(), call.integer(0), call.integer(1), call.integer(2)));
}

Reply sys_semop(Call& call) { return operate(call, std::nullopt); }

Reply sys_semtimedop(Call& call) {
  if (call.address(3).null()) return operate(call, std::nullopt);
  LITEBOX_OR_REPLY(const timespec timeout, call.memory.read_value<timespec>(call.address(3)));
  return operate(call, timeout);
}

Reply sys_semctl(Call& call) {
  const int id = call.integer(0);
  const int number = call.integer(1);
  const int command = call.integer(2);
  const kernel::Credentials& caller = call.credentials();
  if (id < 0) return Reply::error(EINVAL);
  switch (command) {
    case IPC_INFO:
    case SEM_INFO:
      return limits(call, command == SEM_INFO);
    case IPC_STAT: {
      LITEBOX_OR_REPLY(const auto status, semaphores().status(caller, id));
      return Reply::from(call.memory.write_value(call.address(3), describe(status)));
    }
    case SEM_STAT:
    case SEM_STAT_ANY: {
      LITEBOX_OR_REPLY(const auto status, semaphores().status_at(caller, id, command == SEM_STAT_ANY));
      LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(3), describe(status)));
      return Reply::value(status.permissions.id);
    }
    case GETALL:
      return all_values(call, id);
    case SETALL:
      return set_all_values(call, id);
    case GETVAL:
      return from(semaphores().value(caller, id, number));
    case GETPID: {
      LITEBOX_OR_REPLY(const HostPid last, semaphores().last_process(caller, id, number));
      return Reply::value(visible_pid(call, last));
    }
    case GETNCNT:
      return from(semaphores().waiting(caller, id, number, SysvSemaphores::Count::increase));
    case GETZCNT:
      return from(semaphores().waiting(caller, id, number, SysvSemaphores::Count::zero));
    case SETVAL:
      return Reply::from(semaphores().set_value(ipc_caller(call), id, number, call.integer(3)));
    case IPC_SET: {
      LITEBOX_OR_REPLY(const auto wanted, call.memory.read_value<semid64_ds>(call.address(3)));
      return Reply::from(semaphores().set_owner(caller, id, wanted.sem_perm));
    }
    case IPC_RMID:
      return Reply::from(semaphores().remove(caller, id));
    default:
      return Reply::error(EINVAL);
  }
}

}  // namespace litebox::syscalls
