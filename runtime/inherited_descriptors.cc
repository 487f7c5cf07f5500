#include "runtime/inherited_descriptors.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace litebox::runtime {
namespace {

constexpr int kFirst = 3;

template <typename Number>
Number parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

InheritedDescriptors InheritedDescriptors::take() {
  InheritedDescriptors inherited;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir("/proc/self/fd"), closedir);
  if (!stream) return inherited;
  while (const dirent* entry = readdir(stream.get())) {
    const int fd = parse_number<int>(entry->d_name);
    if (fd >= kFirst && fd != dirfd(stream.get())) inherited.open_.push_back(fd);
  }
  return inherited;
}

Result<std::vector<Fd>> InheritedDescriptors::keep(unsigned count) {
  std::vector<Fd> kept;
  for (unsigned i = 0; i < count; ++i) {
    const int fd = kFirst + static_cast<int>(i);
    const auto found = std::find(open_.begin(), open_.end(), fd);
    if (found == open_.end()) return Error(EBADF, "cannot preserve file descriptor " + std::to_string(fd));
    open_.erase(found);
    kept.emplace_back(fd);
  }
  for (const int fd : open_) close(fd);
  open_.clear();
  return kept;
}

unsigned listen_descriptors() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || parse_number<pid_t>(pid) != getpid()) return 0;
  return parse_number<unsigned>(count);
}

}  // namespace litebox::runtime
