#include "rootfs/proc/host_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {
namespace {

constexpr size_t kReadChunk = 16384;
// No file of /proc that is read here is longer; a process with a million mappings ends here instead of filling the memory.
constexpr size_t kLongestFile = 256U << 20U;

Result<Fd> open_at(int directory, const std::string& path, int flags) {
  const int fd = ::openat(directory, path.c_str(), flags | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return last_error();
  return Fd(fd);
}

// pidfd_open(2) without PIDFD_THREAD takes leaders only.
bool is_thread_group_leader(HostPid process) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, process.value(), 0))).valid();
}

}  // namespace

Result<std::string> read_all(int fd) {
  std::string content;
  size_t used = 0;
  for (;;) {
    content.resize(used + kReadChunk);
    const ssize_t count = ::read(fd, content.data() + used, kReadChunk);
    if (count < 0) {
      if (errno == EINTR) continue;
      return last_error();
    }
    used += static_cast<size_t>(count);
    if (count == 0) break;
    if (used > kLongestFile) return Error(EFBIG);
  }
  content.resize(used);
  return content;
}

HostProc::HostProc() : directory_(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

const HostProc& HostProc::instance() {
  static const HostProc instance;
  return instance;
}

Result<std::string> HostProc::read(const std::string& path) const {
  LITEBOX_ASSIGN(const Fd fd, open(path, O_RDONLY));
  return read_all(fd.get());
}

Result<Fd> HostProc::open(const std::string& path, int flags) const { return open_at(directory_.get(), path, flags); }

Result<HostProcessPtr> HostProcess::open(const ContainerView& view, HostPid process) {
  const std::string name = std::to_string(process.value());
  auto directory = open_at(HostProc::instance().fd(), name, O_PATH | O_DIRECTORY);
  if (!directory || !view.is_member(process)) return Error(ENOENT);
  std::shared_ptr<HostProcess> opened(new HostProcess(std::move(*directory), process, process, false));
  if (is_thread_group_leader(process)) return HostProcessPtr(std::move(opened));
  LITEBOX_ASSIGN(const std::string status, opened->read("status"));
  for_each_line(status, [&opened](std::string_view line) {
    if (line.substr(0, 6) == "Tgid:\t") opened->process_ = HostPid(parse_number<pid_t>(line.substr(6)).value_or(0));
  });
  return HostProcessPtr(std::move(opened));
}

Result<HostProcessPtr> HostProcess::open_thread(const ContainerView& view, HostPid thread) const {
  auto directory = open_at(directory_.get(), "task/" + std::to_string(thread.value()), O_PATH | O_DIRECTORY);
  if (!directory || !view.is_member(thread)) return Error(ENOENT);
  return HostProcessPtr(new HostProcess(std::move(*directory), process_, thread, true));
}

Error HostProcess::explain(int number) const {
  if (number != ENOENT) return Error(number);
  // Every process has a stat; when it is gone, so is the process.
  struct stat status;
  return Error(::fstatat(directory_.get(), "stat", &status, 0) == 0 ? ENOENT : ESRCH);
}

Result<std::string> HostProcess::read(const std::string& name) const {
  LITEBOX_ASSIGN(const Fd fd, open_file(name, O_RDONLY));
  return read_all(fd.get());
}

Result<std::string> HostProcess::read_link(const std::string& name) const {
  std::array<char, PATH_MAX + 1> target;
  const ssize_t length = ::readlinkat(directory_.get(), name.c_str(), target.data(), target.size());
  if (length < 0) return explain(errno);
  return std::string(target.data(), static_cast<size_t>(length));
}

Result<Fd> HostProcess::open_file(const std::string& name, int flags) const {
  auto fd = open_at(directory_.get(), name, flags);
  if (!fd) return explain(fd.error().number());
  return fd;
}

Result<std::vector<std::string>> HostProcess::list(const std::string& name) const {
  LITEBOX_ASSIGN(Fd fd, open_file(name, O_RDONLY | O_DIRECTORY));
  DIR* const directory = ::fdopendir(fd.get());
  if (directory == nullptr) return last_error();
  (void)fd.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) names.emplace_back(entry->d_name);
  }
  ::closedir(directory);
  return names;
}

Status HostProcess::exists(const std::string& name) const {
  struct stat status;
  if (::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return explain(errno);
  return {};
}

}  // namespace litebox::rootfs::proc
