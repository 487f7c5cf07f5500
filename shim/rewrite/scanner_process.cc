#include "shim/rewrite/scanner_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include "base/fd.h"
#include "shim/rewrite/scanner_image.h"
#include "shim/rewrite/site_list.h"

namespace litebox::rewrite {
namespace {

constexpr int kProgram = 3;  // where the child finds its own program

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// A running scanner. It is killed and reaped at the end, unless somebody else has reaped it.
class Scanner {
 public:
  Scanner(pid_t pid, Fd answer)
      : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), answer_(std::move(answer)) {}
  ~Scanner() {
    if (pidfd_) (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  Result<std::string> read_answer() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kScanTimeoutMs);
    std::string answer;
    std::array<char, 16384> chunk;
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd readable{answer_.get(), POLLIN, 0};
      const int ready = left.count() > 0 ? ::poll(&readable, 1, static_cast<int>(left.count())) : 0;
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return Error(ETIME);
      const ssize_t n = ::read(answer_.get(), chunk.data(), chunk.size());
      if (n < 0) return last_error();
      if (n == 0) return answer;
      answer.append(chunk.data(), static_cast<size_t>(n));
      if (answer.size() > kLargestSiteList) return Error(EINVAL);
    }
  }

 private:
  pid_t pid_;
  Fd pidfd_;
  Fd answer_;
};

}  // namespace

Result<Fd> open_scanner() {
  const Fd writable(::memfd_create("litebox-scan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!writable) return last_error("memfd_create");
  const auto image = scanner_image();
  if (::write(writable.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size())) {
    return last_error("writing the scanner");
  }
  if (::fchmod(writable.get(), 0555) != 0 ||
      ::fcntl(writable.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return last_error("sealing the scanner");
  }
  Fd readable(::open(("/proc/self/fd/" + std::to_string(writable.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable) return last_error("reopening the scanner");
  return readable;
}

Result<std::vector<Site>> run_scanner(int scanner, int fd) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return last_error("pipe");
  Fd answer(ends[0]);
  Fd theirs(ends[1]);
  // Out of the way of the descriptors that the child is given.
  const Fd program(::fcntl(scanner, F_DUPFD_CLOEXEC, kProgram + 1));
  const Fd input(::fcntl(fd, F_DUPFD_CLOEXEC, kProgram + 1));
  Fd output(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, kProgram + 1));
  theirs.reset();
  if (!program || !input || !output) return last_error("fcntl");
  SpawnActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(actions.get(), output.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), program.get(), kProgram);
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), kProgram + 1);
  std::string name = "litebox-scan";
  char* const arguments[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  const std::string path = "/proc/self/fd/" + std::to_string(kProgram);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, path.c_str(), actions.get(), nullptr, arguments, environment);
  if (error != 0) return Error(error, "the scanner");
  output.reset();
  Scanner running(pid, std::move(answer));
  LITEBOX_ASSIGN(const std::string bytes, running.read_answer());
  return read_sites(bytes);
}

}  // namespace litebox::rewrite
