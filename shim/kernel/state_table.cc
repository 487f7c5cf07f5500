#include "shim/kernel/state_table.h"

#include <dirent.h>
#include <sys/random.h>

#include <cstdlib>
#include <unordered_set>

#include "base/descriptor_limit.h"
#include "shim/kernel/caller_tag.h"
#include "shim/kernel/pidfd.h"

namespace litebox::kernel {
namespace {

// So many states are kept at least before those of ended processes are looked for. Each may hold a descriptor or two.
constexpr size_t kStates = 256;

// How many forks without a call of their own are followed to the one that has credentials.
constexpr int kInheritanceLimit = 32;

bool descends_from(HostPid process, HostPid ancestor) {
  for (int step = 0; step < kInheritanceLimit; ++step) {
    if (process == ancestor) return true;
    const auto pidfd = open_pidfd(process);
    const auto parent = pidfd.ok() ? parent_process(pidfd->get(), process) : Result<HostPid>(pidfd.error());
    if (!parent.ok() || parent->value() <= 1) return false;
    process = *parent;
  }
  return false;
}

uint32_t random_prefix() {
  uint32_t value = 0;
  while (value == 0) {
    if (::getrandom(&value, sizeof value, 0) != sizeof value) std::abort();
    value &= 0x7fffffffU;  // never part of RLIM_INFINITY
  }
  return value;
}

}  // namespace

std::vector<HostPid> host_processes() {
  std::vector<HostPid> processes;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return processes;
  while (const dirent* entry = ::readdir(directory)) {
    const char* name = entry->d_name;
    if (*name < '1' || *name > '9') continue;
    processes.emplace_back(static_cast<pid_t>(std::strtol(name, nullptr, 10)));
  }
  ::closedir(directory);
  return processes;
}

StateTable::StateTable() : prefix_(random_prefix()) { collect_at_ = cache_descriptors(kStates); }

std::optional<uint32_t> StateTable::prefix_of(HostPid process) {
  rlimit limit{};
  if (process.value() <= 0 || ::prlimit(process.value(), RLIMIT_LOCKS, nullptr, &limit) != 0) return std::nullopt;
  return static_cast<uint32_t>(limit.rlim_cur >> 32U);
}

std::optional<uint64_t> StateTable::tag_of(HostPid process) const {
  if (process.value() <= 0) return std::nullopt;
  const uint64_t version = version_.load(std::memory_order_acquire);  // before the tag, which then looks old, never new
  if (const auto known = CallerTag::known(process, version)) return known;
  rlimit limit{};
  if (::prlimit(process.value(), RLIMIT_LOCKS, nullptr, &limit) != 0) return std::nullopt;
  if (limit.rlim_cur >> 32U != prefix_) return std::nullopt;
  CallerTag::found(process, version, limit.rlim_cur);
  return limit.rlim_cur;
}

Result<ProcessStatePtr> StateTable::carried(HostPid process) const {
  const auto tag = tag_of(process);
  if (!tag) return Error(ESRCH);
  const std::shared_lock<std::shared_mutex> guard(table_mutex_);
  const auto found = states_.find(static_cast<uint32_t>(*tag));
  if (found == states_.end()) return Error(ESRCH);
  return found->second;
}

Result<ProcessStatePtr> StateTable::find(HostPid process) {
  if (!own_.any()) return carried(process);
  const std::lock_guard<std::recursive_mutex> guard(change_mutex_);
  return find_locked(process);
}

Result<ProcessStatePtr> StateTable::find_locked(HostPid process, int depth) {
  LITEBOX_ASSIGN(const ProcessStatePtr state, carried(process));
  if (ProcessStatePtr own = own_.apply(process, *state)) return own;
  const auto tag = tag_of(process);
  const auto owner = tag ? own_.owner_of(static_cast<uint32_t>(*tag)) : std::nullopt;
  if (!owner || depth > kInheritanceLimit) return state;
  LITEBOX_ASSIGN(const Fd pidfd, open_thread_pidfd(process));
  LITEBOX_ASSIGN(const HostPid group, thread_group(pidfd.get(), process));
  if (group == *owner) return state;
  // Forked by a process whose threads differ, and seen for the first time: from here on it has a state of its own.
  LITEBOX_ASSIGN(ProcessStatePtr inherited, inherited_locked(group, *owner, state, depth));
  LITEBOX_TRY(assign_locked(group, inherited));
  return inherited;
}

// The state of `process`, which carries that of `from`: credentials are the forking thread's.
Result<ProcessStatePtr> StateTable::inherited_locked(HostPid process, HostPid from, const ProcessStatePtr& state, int depth) {
  LITEBOX_ASSIGN(const Fd pidfd, open_pidfd(process));
  LITEBOX_ASSIGN(const HostPid parent, parent_process(pidfd.get(), process));
  if (parent == from) {
    const auto thread = forking_thread(parent, process);
    ProcessStatePtr own = thread ? own_.apply(*thread, *state) : nullptr;
    return own ? own : state;
  }
  if (!descends_from(parent, from)) return state;  // adopted: the one that has forked it is gone
  // Known difference: a parent that has changed its credentials since is taken for one that had these before.
  LITEBOX_ASSIGN(const ProcessStatePtr of_parent, find_locked(parent, depth + 1));
  auto inherited = std::make_shared<ProcessState>(*state);
  inherited->credentials = of_parent->credentials;
  inherited->identity = of_parent->identity;
  return ProcessStatePtr(std::move(inherited));
}

Status StateTable::assign(HostPid process, ProcessStatePtr state) {
  const std::lock_guard<std::recursive_mutex> guard(change_mutex_);
  return assign_locked(process, std::move(state));
}

Status StateTable::update(HostPid process, const std::function<Status(ProcessState&)>& change) {
  const std::lock_guard<std::recursive_mutex> guard(change_mutex_);
  if (own_.any()) LITEBOX_TRY(find_locked(process));
  LITEBOX_ASSIGN(const ProcessStatePtr current, carried(process));
  auto changed = std::make_shared<ProcessState>(*current);
  LITEBOX_TRY(change(*changed));
  return assign_locked(process, std::move(changed));
}

Status StateTable::update_credentials(HostPid process, HostPid thread, const std::function<Status(ProcessState&)>& change) {
  const std::lock_guard<std::recursive_mutex> guard(change_mutex_);
  LITEBOX_ASSIGN(const ProcessStatePtr current, find_locked(thread));
  auto changed = std::make_shared<ProcessState>(*current);
  LITEBOX_TRY(change(*changed));
  const bool same = same_credentials(*current->credentials, *changed->credentials);
  if (same && current->dumpable == changed->dumpable) return {};
  if (own_.shared_by_others(process, thread, *changed->credentials)) {
    own_.forget(process);
    return assign_locked(process, std::move(changed));
  }
  LITEBOX_ASSIGN(const ProcessStatePtr of_all, carried(process));
  if (same_credentials(*of_all->credentials, *changed->credentials)) {
    own_.remove(thread);
  } else {
    LITEBOX_TRY(own_.set(process, thread, *changed));
  }
  auto others = std::make_shared<ProcessState>(*of_all);
  others->dumpable = changed->dumpable;
  return assign_locked(process, std::move(others));
}

void StateTable::forget_threads(HostPid process) {
  if (!own_.any()) return;
  const std::lock_guard<std::recursive_mutex> guard(change_mutex_);
  own_.forget(process);
}

Status StateTable::assign_locked(HostPid process, ProcessStatePtr state) {
  uint32_t number = 0;
  {
    const std::unique_lock<std::shared_mutex> guard(table_mutex_);
    if (states_.size() >= collect_at_) collect_locked();
    while (next_ == 0 || states_.count(next_) != 0) ++next_;
    number = next_++;
    states_.emplace(number, std::move(state));
  }
  const rlimit limit{static_cast<uint64_t>(prefix_) << 32U | number, RLIM_INFINITY};
  if (::prlimit(process.value(), RLIMIT_LOCKS, &limit, nullptr) != 0) return last_error();
  version_.fetch_add(1, std::memory_order_release);
  if (own_.any() && own_.has(process)) own_.mark(process, number);
  return {};
}

// Drops the states that no process carries. No tag changes meanwhile (change_mutex_), so a state is lost to a scan only if its
// last carrier forks into a place already passed and ends before its own turn; the second scan finds that child.
void StateTable::collect_locked() {
  std::unordered_set<uint32_t> live;
  for (int scan = 0; scan < 2; ++scan) {
    const std::vector<HostPid> processes = host_processes();
    if (processes.empty()) return;  // /proc cannot be read now: that says nothing of who lives
    for (const HostPid process : processes) {
      if (const auto tag = tag_of(process)) live.insert(static_cast<uint32_t>(*tag));
    }
  }
  std::erase_if(states_, [&live](const auto& entry) { return live.count(entry.first) == 0; });
  collect_at_ = std::max(cache_descriptors(kStates), states_.size() * 2);
}

size_t StateTable::size() const {
  const std::shared_lock<std::shared_mutex> guard(table_mutex_);
  return states_.size();
}

}  // namespace litebox::kernel
