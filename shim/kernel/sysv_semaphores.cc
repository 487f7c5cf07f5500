#include "shim/kernel/sysv_semaphores.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "shim/kernel/ipc_limits.h"
#include "shim/kernel/pending_signals.h"

namespace litebox::kernel {
namespace {

constexpr unsigned kRead = S_IRUSR | S_IRGRP | S_IROTH;
constexpr unsigned kAlter = S_IWUSR | S_IWGRP | S_IWOTH;
// Far above what programs use, and far below SEMMNS, at which the monitor would hold 8 GiB.
constexpr size_t kMostSemaphores = 1'000'000;

}  // namespace

SysvSemaphores::SysvSemaphores() : sets_(ipc_limits().sets) {}

SysvSemaphores& SysvSemaphores::of_this_container() {
  static auto* semaphores = new SysvSemaphores;  // never destroyed: threads use it until the process ends
  return *semaphores;
}

Result<int> SysvSemaphores::get(const Credentials& caller, key_t key, int count, int flags) {
  if (count < 0 || static_cast<size_t>(count) > ipc_limits().set_semaphores) return Error(EINVAL);
  const std::scoped_lock lock(mutex_);
  return sets_.get(
      caller, key, flags,
      [count](const Set& set) -> Status {
        if (static_cast<size_t>(count) > set.semaphores.size()) return Error(EINVAL);
        return {};
      },
      [this, count]() -> Result<SetPointer> {
        if (count == 0) return Error(EINVAL);
        if (semaphores_ + static_cast<size_t>(count) > kMostSemaphores) return Error(ENOSPC);
        auto set = std::make_shared<Set>();
        set->semaphores.resize(static_cast<size_t>(count));
        set->changed = time(nullptr);
        semaphores_ += static_cast<size_t>(count);
        return set;
      });
}

Result<std::optional<size_t>> SysvSemaphores::attempt(Set& set, const std::vector<sembuf>& operations, HostPid process) {
  std::vector<int> values;
  values.reserve(set.semaphores.size());
  for (const Semaphore& semaphore : set.semaphores) values.push_back(semaphore.value);
  const auto remembered = set.adjustments.find(process);
  std::vector<int> adjustments = remembered != set.adjustments.end() ? remembered->second : std::vector<int>(values.size());
  bool undoes = false;
  for (size_t i = 0; i < operations.size(); ++i) {
    const sembuf& operation = operations[i];
    int& value = values[operation.sem_num];
    if (operation.sem_op == 0 && value != 0) return std::optional(i);
    value += operation.sem_op;
    if (value < 0) return std::optional(i);
    if (value > SEMVMX) return Error(ERANGE);
    if ((operation.sem_flg & SEM_UNDO) != 0) {
      int& adjustment = adjustments[operation.sem_num];
      adjustment -= operation.sem_op;
      if (adjustment < -SEMAEM - 1 || adjustment > SEMAEM) return Error(ERANGE);
      undoes = true;
    }
  }
  for (const sembuf& operation : operations) {
    Semaphore& semaphore = set.semaphores[operation.sem_num];
    semaphore.value = values[operation.sem_num];
    semaphore.last = process;
  }
  if (undoes) set.adjustments[process] = std::move(adjustments);
  set.operated = time(nullptr);
  return std::optional<size_t>();
}

void SysvSemaphores::wake(Set& set) {
  for (auto each = set.waiters.begin(); each != set.waiters.end();) {
    Waiter& waiter = **each;
    const auto blocked = attempt(set, waiter.operations, waiter.process);
    if (blocked.ok() && blocked->has_value()) {
      waiter.blocking = **blocked;
      ++each;
      continue;
    }
    waiter.done = blocked.ok() ? Status() : Status(blocked.error());
    set.waiters.erase(each);
    waiter.gate.open();
    each = set.waiters.begin();  // what it did may let an earlier one pass
  }
}

Status SysvSemaphores::operate(const IpcCaller& caller, int id, std::vector<sembuf> operations,
                               const std::optional<timespec>& timeout, const Blocking& blocking) {
  std::unique_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, sets_.find(id));
  bool alters = false;
  bool undoes = false;
  for (const sembuf& operation : operations) {
    if (operation.sem_num >= set->semaphores.size()) return Error(EFBIG);
    alters = alters || operation.sem_op != 0;
    undoes = undoes || (operation.sem_flg & SEM_UNDO) != 0;
  }
  LITEBOX_TRY(check_ipc_access(set->permissions, caller.credentials, alters ? kAlter : kRead));
  if (undoes) LITEBOX_TRY(remember_exit(*set, caller.process));
  LITEBOX_ASSIGN(const std::optional<size_t> blocked, attempt(*set, operations, caller.process));
  if (!blocked) {
    if (alters) wake(*set);
    return {};
  }
  if ((operations[*blocked].sem_flg & IPC_NOWAIT) != 0) return Error(EAGAIN);

  Waiter waiter{operations, caller.process, *blocked, {}, {}};
  set->waiters.push_back(&waiter);
  lock.unlock();
  const std::optional<timespec> deadline = timeout ? std::optional(deadline_after(*timeout)) : std::nullopt;
  Result<bool> passed = false;
  blocking([&] { passed = waiter.gate.wait(caller.thread, deadline); });
  lock.lock();
  if (waiter.done) return std::move(*waiter.done);
  set->waiters.remove(&waiter);
  if (passed.ok()) return Error(EAGAIN);
  if (passed.error().number() != kRestartCall) return std::move(passed).error();
  // Never restarted, whatever the handler's flags (signal(7)); but another thread of the process may take the signal.
  const auto state = signal_state_of(caller.thread);
  return Error(state.ok() && state->threads > 1 && !timeout ? kRestartCallUnlessHandled : EINTR);
}

Status SysvSemaphores::remember_exit(Set& set, HostPid process) {
  if (watched_.count(process) == 0) {
    LITEBOX_TRY(exits_.watch(process, [this, process] { undo(process); }));
    watched_[process] = true;
  }
  set.adjustments.try_emplace(process, set.semaphores.size());
  return {};
}

// exit_sem()
void SysvSemaphores::undo(HostPid process) {
  const std::scoped_lock lock(mutex_);
  watched_.erase(process);
  for (const auto& [index, set] : sets_.objects()) {
    const auto found = set->adjustments.find(process);
    if (found == set->adjustments.end()) continue;
    for (size_t i = 0; i < set->semaphores.size(); ++i) {
      if (found->second[i] == 0) continue;
      Semaphore& semaphore = set->semaphores[i];
      semaphore.value = std::clamp(semaphore.value + found->second[i], 0, SEMVMX);
      semaphore.last = process;
    }
    set->adjustments.erase(found);
    set->operated = time(nullptr);
    wake(*set);
  }
}

Result<SysvSemaphores::SetPointer> SysvSemaphores::readable(const Credentials& caller, int id) const {
  LITEBOX_ASSIGN(SetPointer set, sets_.find(id));
  LITEBOX_TRY(check_ipc_access(set->permissions, caller, kRead));
  return set;
}

Result<SysvSemaphores::SetPointer> SysvSemaphores::readable(const Credentials& caller, int id, int number) const {
  LITEBOX_ASSIGN(SetPointer set, readable(caller, id));
  if (number < 0 || static_cast<size_t>(number) >= set->semaphores.size()) return Error(EINVAL);
  return set;
}

Result<int> SysvSemaphores::value(const Credentials& caller, int id, int number) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, readable(caller, id, number));
  return set->semaphores[static_cast<size_t>(number)].value;
}

Result<HostPid> SysvSemaphores::last_process(const Credentials& caller, int id, int number) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, readable(caller, id, number));
  return set->semaphores[static_cast<size_t>(number)].last;
}

Result<int> SysvSemaphores::waiting(const Credentials& caller, int id, int number, Count count) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, readable(caller, id, number));
  const auto counts = [&](const Waiter* waiter) {
    const sembuf& operation = waiter->operations[waiter->blocking];
    return operation.sem_num == number && (operation.sem_op == 0) == (count == Count::zero);
  };
  return static_cast<int>(std::count_if(set->waiters.begin(), set->waiters.end(), counts));
}

Result<std::vector<unsigned short>> SysvSemaphores::values(const Credentials& caller, int id) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, readable(caller, id));
  std::vector<unsigned short> result;
  result.reserve(set->semaphores.size());
  for (const Semaphore& semaphore : set->semaphores) result.push_back(static_cast<unsigned short>(semaphore.value));
  return result;
}

Status SysvSemaphores::set_value(const IpcCaller& caller, int id, int number, int value) {
  if (value < 0 || value > SEMVMX) return Error(ERANGE);
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, sets_.find(id));
  if (number < 0 || static_cast<size_t>(number) >= set->semaphores.size()) return Error(EINVAL);
  LITEBOX_TRY(check_ipc_access(set->permissions, caller.credentials, kAlter));
  for (auto& [process, adjustments] : set->adjustments) adjustments[static_cast<size_t>(number)] = 0;
  set->semaphores[static_cast<size_t>(number)] = {value, caller.process};
  set->changed = time(nullptr);
  wake(*set);
  return {};
}

Result<size_t> SysvSemaphores::settable(const Credentials& caller, int id) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, sets_.find(id));
  LITEBOX_TRY(check_ipc_access(set->permissions, caller, kAlter));
  return set->semaphores.size();
}

Status SysvSemaphores::set_values(const IpcCaller& caller, int id, const std::vector<unsigned short>& values) {
  const std::scoped_lock lock(mutex_);
  const auto found = sets_.find(id);
  if (!found.ok()) return Error(EIDRM);  // it was there a moment ago
  const SetPointer& set = *found;
  LITEBOX_TRY(check_ipc_access(set->permissions, caller.credentials, kAlter));
  if (values.size() != set->semaphores.size()) return Error(EIDRM);
  if (std::any_of(values.begin(), values.end(), [](unsigned short value) { return value > SEMVMX; })) return Error(ERANGE);
  for (size_t i = 0; i < values.size(); ++i) set->semaphores[i] = {values[i], caller.process};
  for (auto& [process, adjustments] : set->adjustments) std::fill(adjustments.begin(), adjustments.end(), 0);
  set->changed = time(nullptr);
  wake(*set);
  return {};
}

SemaphoreSetStatus SysvSemaphores::describe(const Set& set) {
  return {set.permissions, set.semaphores.size(), set.operated, set.changed};
}

Result<SemaphoreSetStatus> SysvSemaphores::status(const Credentials& caller, int id) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, readable(caller, id));
  return describe(*set);
}

Result<SemaphoreSetStatus> SysvSemaphores::status_at(const Credentials& caller, int index, bool any) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, sets_.at(index));
  if (!any) LITEBOX_TRY(check_ipc_access(set->permissions, caller, kRead));
  return describe(*set);
}

Status SysvSemaphores::set_owner(const Credentials& caller, int id, const struct ipc64_perm& wanted) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, sets_.find(id));
  LITEBOX_TRY(check_ipc_owner(set->permissions, caller));
  set_ipc_permissions(set->permissions, wanted);
  set->changed = time(nullptr);
  return {};
}

Status SysvSemaphores::remove(const Credentials& caller, int id) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const SetPointer set, sets_.find(id));
  LITEBOX_TRY(check_ipc_owner(set->permissions, caller));
  for (Waiter* waiter : set->waiters) {
    waiter->done = Status(Error(EIDRM));
    waiter->gate.open();
  }
  set->waiters.clear();
  semaphores_ -= set->semaphores.size();
  sets_.remove(*set);
  return {};
}

SysvSemaphores::Usage SysvSemaphores::usage() const {
  const std::scoped_lock lock(mutex_);
  return {static_cast<int>(sets_.objects().size()), static_cast<int>(semaphores_), sets_.highest_index()};
}

std::vector<SemaphoreSetStatus> SysvSemaphores::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<SemaphoreSetStatus> result;
  for (const auto& [index, set] : sets_.objects()) result.push_back(describe(*set));
  return result;
}

}  // namespace litebox::kernel
