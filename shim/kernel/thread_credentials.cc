#include "shim/kernel/thread_credentials.h"

#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <tuple>

#include "shim/kernel/pidfd.h"

namespace litebox::kernel {
namespace {

// Only processes that have made no call since their fork carry an old one; the oldest are forgotten.
constexpr size_t kNumbersLimit = 4096;

std::string task_directory(HostPid process) { return "/proc/" + std::to_string(process.value()) + "/task"; }

std::vector<HostPid> threads_of(HostPid process) {
  std::vector<HostPid> threads;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(task_directory(process).c_str()), ::closedir);
  if (!directory) return threads;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (const int id = std::atoi(entry->d_name); id > 0) threads.emplace_back(id);
  }
  return threads;
}

auto all_of(const Credentials& c) {
  return std::tie(c.uid, c.euid, c.suid, c.fsuid, c.gid, c.egid, c.sgid, c.fsgid, c.groups, c.inheritable, c.permitted,
                  c.effective, c.bounding, c.ambient, c.securebits, c.no_new_privileges, c.asks_for_paths);
}

}  // namespace

bool same_credentials(const Credentials& a, const Credentials& b) { return all_of(a) == all_of(b); }

std::optional<HostPid> forking_thread(HostPid parent, HostPid child) {
  for (const HostPid thread : threads_of(parent)) {
    std::ifstream children(task_directory(parent) + "/" + std::to_string(thread.value()) + "/children");
    for (pid_t one = 0; children >> one;) {
      if (one == child.value()) return thread;
    }
  }
  return std::nullopt;
}

ProcessStatePtr ThreadCredentials::apply(HostPid thread, const ProcessState& process_state) {
  const auto found = entries_.find(thread);
  if (found == entries_.end()) return nullptr;
  if (has_ended(found->second.pidfd.get())) {
    entries_.erase(found);
    entries_changed();
    return nullptr;
  }
  auto state = std::make_shared<ProcessState>(process_state);
  state->credentials = found->second.credentials;
  state->identity = found->second.identity;
  return state;
}

Status ThreadCredentials::set(HostPid process, HostPid thread, const ProcessState& state) {
  LITEBOX_ASSIGN(Fd pidfd, open_thread_pidfd(thread));
  entries_.insert_or_assign(thread, Entry{process, std::move(pidfd), state.credentials, state.identity});
  entries_changed();
  return {};
}

void ThreadCredentials::remove(HostPid thread) {
  entries_.erase(thread);
  entries_changed();
}

void ThreadCredentials::forget(HostPid process) {
  std::erase_if(entries_, [process](const auto& item) { return item.second.process == process; });
  entries_changed();
}

void ThreadCredentials::prune() {
  std::erase_if(entries_, [](const auto& item) { return has_ended(item.second.pidfd.get()); });
  entries_changed();
}

bool ThreadCredentials::has(HostPid process) const {
  return std::any_of(entries_.begin(), entries_.end(), [process](const auto& item) { return item.second.process == process; });
}

bool ThreadCredentials::shared_by_others(HostPid process, HostPid thread, const Credentials& credentials) {
  const std::vector<HostPid> threads = threads_of(process);
  return std::all_of(threads.begin(), threads.end(), [&](HostPid other) {
    const auto found = entries_.find(other);
    return other == thread || (found != entries_.end() && same_credentials(*found->second.credentials, credentials));
  });
}

std::optional<HostPid> ThreadCredentials::owner_of(uint32_t number) {
  if (numbers_.count(number) == 0) return std::nullopt;
  prune();
  const auto found = numbers_.find(number);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

void ThreadCredentials::entries_changed() {
  std::erase_if(numbers_, [this](const auto& item) { return !has(item.second); });
  while (numbers_.size() > kNumbersLimit) numbers_.erase(numbers_.begin());
  any_ = !entries_.empty();
}

}  // namespace litebox::kernel
