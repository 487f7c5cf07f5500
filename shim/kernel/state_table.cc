#include "shim/kernel/state_table.h"

#include <dirent.h>
#include <sys/random.h>

#include <cstdlib>
#include <unordered_set>

namespace litebox::kernel {
namespace {

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

StateTable::StateTable() : prefix_(random_prefix()) {}

std::optional<uint32_t> StateTable::prefix_of(HostPid process) {
  rlimit limit{};
  if (process.value() <= 0 || ::prlimit(process.value(), RLIMIT_LOCKS, nullptr, &limit) != 0) return std::nullopt;
  return static_cast<uint32_t>(limit.rlim_cur >> 32U);
}

std::optional<uint64_t> StateTable::tag_of(HostPid process) const {
  if (process.value() <= 0) return std::nullopt;
  rlimit limit{};
  if (::prlimit(process.value(), RLIMIT_LOCKS, nullptr, &limit) != 0) return std::nullopt;
  if (limit.rlim_cur >> 32U != prefix_) return std::nullopt;
  return limit.rlim_cur;
}

Result<ProcessStatePtr> StateTable::find(HostPid process) const {
  const auto tag = tag_of(process);
  if (!tag) return Error(ESRCH);
  const std::shared_lock<std::shared_mutex> guard(table_mutex_);
  const auto found = states_.find(static_cast<uint32_t>(*tag));
  if (found == states_.end()) return Error(ESRCH);
  return found->second;
}

Status StateTable::assign(HostPid process, ProcessStatePtr state) {
  const std::lock_guard<std::mutex> guard(change_mutex_);
  return assign_locked(process, std::move(state));
}

Status StateTable::update(HostPid process, const std::function<Status(ProcessState&)>& change) {
  const std::lock_guard<std::mutex> guard(change_mutex_);
  LITEBOX_ASSIGN(const ProcessStatePtr current, find(process));
  auto changed = std::make_shared<ProcessState>(*current);
  LITEBOX_TRY(change(*changed));
  return assign_locked(process, std::move(changed));
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
  return {};
}

// Drops the states that no process carries. No tag changes meanwhile (change_mutex_), so a state is lost to a scan only if its
// last carrier forks into a place already passed and ends before its own turn; the second scan finds that child.
void StateTable::collect_locked() {
  std::unordered_set<uint32_t> live;
  for (int scan = 0; scan < 2; ++scan) {
    for (const HostPid process : host_processes()) {
      if (const auto tag = tag_of(process)) live.insert(static_cast<uint32_t>(*tag));
    }
  }
  std::erase_if(states_, [&live](const auto& entry) { return live.count(entry.first) == 0; });
  collect_at_ = std::max<size_t>(256, states_.size() * 2);
}

size_t StateTable::size() const {
  const std::shared_lock<std::shared_mutex> guard(table_mutex_);
  return states_.size();
}

}  // namespace litebox::kernel
