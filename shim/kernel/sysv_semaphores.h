// System V semaphores of the container (sysvipc(7), semget(2), semop(2), semctl(2); ipc/sem.c).
#pragma once

#include <linux/sem.h>

#include <ctime>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/exit_watch.h"
#include "shim/kernel/gate.h"
#include "shim/kernel/process_state.h"
#include "shim/kernel/sysv_ids.h"

namespace litebox::kernel {

// SEMUSZ, which IPC_INFO tells.
inline constexpr size_t kSemaphoreUndoSize = 20;

struct SemaphoreSetStatus {
  IpcPermissions permissions;
  size_t count = 0;
  time_t operated = 0;  // sem_otime
  time_t changed = 0;   // sem_ctime
};

// Thread-safe. Errors are those of the manual pages.
class SysvSemaphores {
 public:
  SysvSemaphores();
  static SysvSemaphores& of_this_container();

  Result<int> get(const Credentials& caller, key_t key, int count, int flags);

  // semtimedop: all of `operations` at once, or none. `timeout` as the guest gave it, checked.
  Status operate(const IpcCaller& caller, int id, std::vector<sembuf> operations, const std::optional<timespec>& timeout,
                 const Blocking& blocking);

  enum class Count { increase, zero };  // GETNCNT, GETZCNT
  Result<int> value(const Credentials& caller, int id, int number) const;
  Result<HostPid> last_process(const Credentials& caller, int id, int number) const;
  Result<int> waiting(const Credentials& caller, int id, int number, Count count) const;
  Result<std::vector<unsigned short>> values(const Credentials& caller, int id) const;
  Status set_value(const IpcCaller& caller, int id, int number, int value);
  // The number of values that SETALL reads.
  Result<size_t> settable(const Credentials& caller, int id) const;
  Status set_values(const IpcCaller& caller, int id, const std::vector<unsigned short>& values);

  Result<SemaphoreSetStatus> status(const Credentials& caller, int id) const;
  // SEM_STAT; `any`: SEM_STAT_ANY, without permission.
  Result<SemaphoreSetStatus> status_at(const Credentials& caller, int index, bool any) const;
  Status set_owner(const Credentials& caller, int id, const struct ipc64_perm& wanted);
  Status remove(const Credentials& caller, int id);

  // For IPC_INFO and SEM_INFO: sets, semaphores in all of them, the highest index in use.
  struct Usage {
    int sets = 0;
    int semaphores = 0;
    int highest_index = 0;
  };
  Usage usage() const;
  std::vector<SemaphoreSetStatus> all() const;

 private:
  struct Semaphore {
    int value = 0;
    HostPid last;
  };
  struct Waiter {
    const std::vector<sembuf>& operations;
    HostPid process;
    size_t blocking = 0;  // the operation that cannot be done
    std::optional<Status> done;
    Gate gate;
  };
  struct Set {
    IpcPermissions permissions;
    std::vector<Semaphore> semaphores;
    time_t operated = 0;
    time_t changed = 0;
    std::list<Waiter*> waiters;
    std::map<HostPid, std::vector<int>> adjustments;  // what each process's exit adds (semadj)
  };
  using SetPointer = std::shared_ptr<Set>;

  Result<SetPointer> readable(const Credentials& caller, int id) const;
  Result<SetPointer> readable(const Credentials& caller, int id, int number) const;
  static SemaphoreSetStatus describe(const Set& set);
  // Does all operations, or none: the index of the one that blocks; ERANGE.
  static Result<std::optional<size_t>> attempt(Set& set, const std::vector<sembuf>& operations, HostPid process);
  // Lets pass whoever waits no longer in vain.
  static void wake(Set& set);
  Status remember_exit(Set& set, HostPid process);
  void undo(HostPid process);

  mutable std::mutex mutex_;
  IpcTable<Set> sets_;
  size_t semaphores_ = 0;
  std::map<HostPid, bool> watched_;  // processes with adjustments
  ExitWatch exits_;
};

}  // namespace litebox::kernel
