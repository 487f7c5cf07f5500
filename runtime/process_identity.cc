#include "runtime/process_identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/fd.h"

namespace litebox::runtime {
namespace {

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace

Result<ProcessStat> read_process_stat(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno == ENOENT ? Error(ESRCH) : last_error("open " + path);
  std::array<char, 1024> buffer{};
  const ssize_t length = read(file.get(), buffer.data(), buffer.size() - 1);
  if (length <= 0) return Error(ESRCH);
  const std::string_view text(buffer.data(), static_cast<size_t>(length));
  // The command may hold spaces and parentheses; the fields resume after the last ')'.
  const size_t command_end = text.rfind(')');
  if (command_end == std::string_view::npos) return Error(EIO, path);
  ProcessStat stat;
  int parent = 0;
  unsigned flags = 0;
  unsigned long long start = 0;
  unsigned long long pending = 0;
  const int fields = std::sscanf(buffer.data() + command_end + 1,
                                 " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu"
                                 " %*u %*d %*u %*u %*u %*u %*u %*u %llu",
                                 &stat.state, &parent, &flags, &start, &pending);
  if (fields != 5) return Error(EIO, path);
  stat.flags = flags;
  stat.pending = pending;
  stat.parent = parent;
  stat.start_time = start;
  return stat;
}

Result<ProcessIdentity> identify(pid_t pid) {
  LITEBOX_ASSIGN(const ProcessStat stat, read_process_stat(pid));
  return ProcessIdentity{pid, stat.start_time};
}

bool is_running(const ProcessIdentity& process) {
  if (process.pid <= 0) return false;
  const auto stat = read_process_stat(process.pid);
  return stat.ok() && stat->start_time == process.start_time && stat->state != 'Z' && stat->state != 'X';
}

Status signal_process(const ProcessIdentity& process, int signal) {
  if (process.pid <= 0) return Error(ESRCH);
  const Fd pidfd = open_pidfd(process.pid);
  if (!pidfd) return last_error("pidfd_open");
  // The pidfd is one process's for good: if the start time fits now, it is the right one.
  const auto stat = read_process_stat(process.pid);
  if (!stat.ok() || stat->start_time != process.start_time) return Error(ESRCH);
  if (syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0) return last_error("pidfd_send_signal");
  return {};
}

bool ends_when_thawed(const ProcessStat& stat) {
  constexpr unsigned kExiting = 0x4;  // PF_EXITING
  // Whatever runs now is on its way out already.
  const bool runs_or_has_ended = stat.state == 'R' || stat.state == 'Z' || stat.state == 'X';
  return runs_or_has_ended || (stat.flags & kExiting) != 0 || (stat.pending & (uint64_t{1} << (SIGKILL - 1U))) != 0;
}

bool wait_until_gone(const ProcessIdentity& process, int milliseconds) {
  if (!is_running(process)) return true;
  const Fd pidfd = open_pidfd(process.pid);
  if (!pidfd || !is_running(process)) return !is_running(process);
  pollfd entry{pidfd.get(), POLLIN, 0};
  // A pidfd turns readable when the process becomes a zombie.
  return poll(&entry, 1, milliseconds) == 1 || !is_running(process);
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  if (!directory) return pids;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    pid_t pid = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

std::vector<ProcessIdentity> descendants(pid_t ancestor) {
  struct Entry {
    pid_t parent;
    uint64_t start_time;
    bool zombie;
  };
  std::unordered_map<pid_t, Entry> processes;
  for (const pid_t pid : all_processes()) {
    const auto stat = read_process_stat(pid);
    if (stat.ok()) processes[pid] = {stat->parent, stat->start_time, stat->state == 'Z' || stat->state == 'X'};
  }
  std::vector<ProcessIdentity> found;
  for (const auto& [pid, entry] : processes) {
    if (pid == ancestor || entry.zombie) continue;
    pid_t up = entry.parent;
    // Bounded, as the snapshot is not atomic and might hold a cycle.
    for (size_t steps = 0; up > 0 && up != ancestor && steps < processes.size(); ++steps) {
      const auto parent = processes.find(up);
      up = parent == processes.end() ? 0 : parent->second.parent;
    }
    if (up == ancestor) found.push_back({pid, entry.start_time});
  }
  return found;
}

}  // namespace litebox::runtime
