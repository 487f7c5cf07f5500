#include "shim/monitor/forker.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "shim/guest/abi.h"

namespace litebox::monitor {
namespace {

// The child of a multi-threaded process: only system calls from here on, no allocation, no lock.
class Child {
 public:
  Child(const SpawnRequest& request, int gate) : request_(request), gate_(gate) {}

  [[noreturn]] void run() {
    // Before its own limits hold: the monitor may have more descriptors than it is to have.
    if (!arrange_descriptors()) leave(errno);
    if (::write(gate_, "r", 1) != 1 || !enter_cgroups()) leave(errno);
    if (!wait_for_go()) leave(0);
    reset_signals();
    if (::setsid() < 0) leave(errno);
    if (request_.controlling_terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) leave(errno);
    if (request_.subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) leave(errno);
    (void)::syscall(SYS_umask, abi::kMark | request_.umask);
    // Where it cannot be, the monitor sees to it at the exec.
    if (request_.directory != nullptr) (void)::syscall(SYS_chdir, request_.directory, abi::kMark);
    if (!wait_for_go()) leave(0);
    ::syscall(SYS_execveat, loader_, "", request_.argv, request_.envp, AT_EMPTY_PATH);
    leave(errno);
  }

 private:
  // A process with one thread that moves itself does not wait for all processors, as whoever moves another does
  // (kernel/cgroup/cgroup.c cgroup_procs_write_start()).
  // In a frozen one it stays where it is, and nobody may wait for it.
  bool enter_cgroups() const {
    const int count = static_cast<int>(request_.cgroups.size());
    for (int i = 0; i < count; ++i) {
      if (::write(loader_ + 1 + i, "0", 1) != 1) return false;
    }
    return ::syscall(SYS_close_range, loader_ + 1, ~0U, 0) == 0;
  }

  bool wait_for_go() const {
    char byte = 0;
    ssize_t got = 0;
    while ((got = ::read(gate_, &byte, 1)) < 0 && errno == EINTR) continue;
    return got == 1;
  }

  // Callers leave SIGPIPE or SIGHUP ignored; an ignored signal stays ignored over exec.
  static void reset_signals() {
    for (int signal = 1; signal < NSIG; ++signal) {
      struct {
        void* handler;
        unsigned long flags;
        void* restorer;
        unsigned long mask;
      } action{};
      ::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(unsigned long));
    }
    const unsigned long none = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  }

  // 0, 1, 2, the preserved ones from 3 on, then the gate and the loader, which exec closes, and the control groups; nothing
  // else.
  bool arrange_descriptors() {
    const int preserved = static_cast<int>(request_.preserved.size());
    const int cgroups = static_cast<int>(request_.cgroups.size());
    const int stash = 3 + preserved + 8 + cgroups;
    // First out of the way, so that no dup2 overwrites one that is still needed.
    int standard_io[3];
    for (int i = 0; i < 3; ++i) {
      if ((standard_io[i] = ::fcntl(request_.standard_io[i], F_DUPFD_CLOEXEC, stash)) < 0) return false;
    }
    const int gate = ::fcntl(gate_, F_DUPFD_CLOEXEC, stash);
    const int loader = ::fcntl(request_.loader, F_DUPFD_CLOEXEC, stash);
    if (gate < 0 || loader < 0) return false;
    for (int i = 0; i < preserved; ++i) {
      const int moved = ::fcntl(request_.preserved[static_cast<size_t>(i)], F_DUPFD_CLOEXEC, stash);
      if (moved < 0) return false;
      stashed_[i] = moved;
    }
    for (int i = 0; i < cgroups; ++i) {
      if ((stashed_cgroups_[i] = ::fcntl(request_.cgroups[static_cast<size_t>(i)], F_DUPFD_CLOEXEC, stash)) < 0) return false;
    }
    for (int i = 0; i < 3; ++i) {
      if (::dup3(standard_io[i], i, 0) < 0) return false;
    }
    for (int i = 0; i < preserved; ++i) {
      if (::dup3(stashed_[i], 3 + i, 0) < 0) return false;
    }
    gate_ = 3 + preserved;
    loader_ = 4 + preserved;
    if (::dup3(gate, gate_, O_CLOEXEC) < 0 || ::dup3(loader, loader_, O_CLOEXEC) < 0) return false;
    for (int i = 0; i < cgroups; ++i) {
      if (::dup3(stashed_cgroups_[i], loader_ + 1 + i, O_CLOEXEC) < 0) return false;
    }
    return ::syscall(SYS_close_range, loader_ + 1 + cgroups, ~0U, 0) == 0;
  }

  [[noreturn]] void leave(int number) const {
    if (number != 0) (void)::write(gate_, &number, sizeof number);
    ::_exit(127);
  }

  static constexpr int kPreservedLimit = 1024;
  static constexpr int kCgroupLimit = 64;
  const SpawnRequest& request_;
  int gate_;
  int loader_ = -1;
  int stashed_[kPreservedLimit] = {};
  int stashed_cgroups_[kCgroupLimit] = {};

 public:
  static bool takes(const SpawnRequest& request) {
    return request.preserved.size() <= kPreservedLimit && request.cgroups.size() <= kCgroupLimit;
  }
};

Result<Spawned> fork_child(const SpawnRequest& request) {
  if (!Child::takes(request)) return Error(EMFILE, "descriptors of a new process");
  int gate[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) != 0) return last_error("socketpair");
  Fd ours(gate[0]);
  const Fd theirs(gate[1]);
  const pid_t child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child < 0) return last_error("clone");
  if (child == 0) {
    ::close(ours.get());
    Child(request, theirs.get()).run();
  }
  Spawned spawned{HostPid(child), std::move(ours)};
  char arranged = 0;
  while (::read(spawned.gate.get(), &arranged, 1) < 0 && errno == EINTR) continue;
  return spawned;
}

}  // namespace

Result<Fd> Forker::start(Confinement confinement, std::function<Status()> prepare) {
  std::thread([this, confinement = std::move(confinement), prepare = std::move(prepare)] {
    run(confinement, prepare);
  }).detach();
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return listener_.has_value(); });
  return std::move(*listener_);
}

Result<Spawned> Forker::spawn(const SpawnRequest& request) {
  std::unique_lock<std::mutex> lock(mutex_);
  request_ = &request;
  wake_other(lock);
  changed_.wait(lock, [this] { return spawned_.has_value(); });
  Result<Spawned> spawned = std::move(*spawned_);
  spawned_.reset();
  return spawned;
}

void Forker::run(const Confinement& confinement, const std::function<Status()>& prepare) {
  std::unique_lock<std::mutex> lock(mutex_);
  Status prepared = prepare();
  listener_ = prepared.ok() ? confine_this_thread(confinement) : Result<Fd>(std::move(prepared).error());
  while (true) {
    wake_other(lock);
    changed_.wait(lock, [this] { return request_ != nullptr; });
    spawned_ = fork_child(*request_);
    request_ = nullptr;
  }
}

// Not while the lock is held, which would only send it to sleep again.
void Forker::wake_other(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  changed_.notify_all();
  lock.lock();
}

}  // namespace litebox::monitor
