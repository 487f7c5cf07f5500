#include "shim/kernel/shared_processes.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace litebox::kernel {

Result<SharedProcesses> SharedProcesses::create(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), sizeof(List)) != 0) return last_error("make " + path);
  return map(std::move(file), path);
}

Result<SharedProcesses> SharedProcesses::open(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return last_error("open " + path);
  return map(std::move(file), path);
}

Result<SharedProcesses> SharedProcesses::map(Fd file, const std::string& path) {
  static_assert(std::atomic<uint32_t>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);
  void* const mapped = ::mmap(nullptr, sizeof(List), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return last_error("map " + path);
  return SharedProcesses(std::move(file), static_cast<List*>(mapped));
}

SharedProcesses::~SharedProcesses() {
  if (list_ != nullptr) (void)::munmap(list_, sizeof(List));
}

Status SharedProcesses::add(uint32_t prefix, const std::string& directory) {
  if (directory.size() >= sizeof(Entry::directory)) return Error(ENAMETOOLONG, directory);
  if (::flock(file_.get(), LOCK_EX) != 0) return last_error("flock");
  // A container that has been deleted has left its place without telling anybody.
  const auto is_free = [](const Entry& entry) { return entry.prefix.load() == 0 || ::access(entry.directory, F_OK) != 0; };
  Entry* const place = std::find_if(std::begin(list_->entries), std::end(list_->entries), is_free);
  const bool found = place != std::end(list_->entries);
  if (found) {
    place->prefix.store(0);
    std::memcpy(place->directory, directory.c_str(), directory.size() + 1);
    place->prefix.store(prefix);
  }
  (void)::flock(file_.get(), LOCK_UN);
  if (!found) return Error(ENOSPC, "containers that share their processes");
  return {};
}

bool SharedProcesses::has_others(uint32_t prefix) const {
  return std::any_of(std::begin(list_->entries), std::end(list_->entries), [prefix](const Entry& entry) {
    const uint32_t other = entry.prefix.load(std::memory_order_acquire);
    return other != 0 && other != prefix;
  });
}

std::optional<std::string> SharedProcesses::directory_of(uint32_t prefix) const {
  for (const Entry& entry : list_->entries) {
    if (prefix != 0 && entry.prefix.load(std::memory_order_acquire) == prefix) return std::string(entry.directory);
  }
  return std::nullopt;
}

}  // namespace litebox::kernel
