#include "shim/kernel/process_status.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/fd.h"

namespace litebox::kernel {

Result<ProcessStatus> ProcessStatus::of(HostPid thread) {
  const std::string path = "/proc/" + std::to_string(thread.value()) + "/status";
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno == ENOENT ? Error(ESRCH) : last_error();
  std::string text(8192, '\0');  // the file is about 1500 bytes; a long list of groups may not hide what follows it
  size_t size = 0;
  while (true) {
    if (size == text.size()) text.resize(text.size() * 2);
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    if (got < 0) return last_error();
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return ProcessStatus(std::move(text));
}

// The text of a line after its name and the blanks that follow; empty when there is none.
std::string_view ProcessStatus::value_of(std::string_view name) const {
  const std::string_view text = text_;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ':') continue;
    const size_t start = line.find_first_not_of(" \t", name.size() + 1);
    return start == std::string_view::npos ? std::string_view() : line.substr(start);
  }
  return {};
}

Result<uint64_t> ProcessStatus::number(std::string_view name, int base) const {
  const std::string_view text = value_of(name);
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || rest == text.data()) return Error(EIO);
  return value;
}

char ProcessStatus::state() const {
  const std::string_view text = value_of("State");
  return text.empty() ? '\0' : text.front();
}

}  // namespace litebox::kernel
