#include "shim/kernel/pending_signals.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace litebox::kernel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFirstCheck = std::chrono::milliseconds(1);
constexpr auto kSlowestCheck = std::chrono::milliseconds(40);
// Where many calls block they are looked at less often, so that it takes a small part of a processor's time.
constexpr auto kSlowestCheckOfEach = std::chrono::microseconds(500);
constexpr size_t kSectionLimit = 1024;
// Where more calls block, a guest that sends signals in a loop must not have them looked at all the time.
constexpr size_t kHurriedSections = 8;

thread_local bool may_block = true;

// Sent to the monitor's own threads, to make a system call return; its handler does nothing.
int wake_signal() { return SIGRTMAX - 1; }
void on_wake_signal(int /*signal*/) {}

// One blocked call: the monitor's thread that runs it, and the guest's thread that it is run for.
struct Section {
  HostPid guest;
  pid_t worker;
  Clock::time_point next_check;
  Clock::duration interval = kFirstCheck;
  int interruption = 0;  // once not 0, the worker is woken at every check until it leaves
};

int interruption_of(HostPid guest) {
  const auto state = signal_state_of(guest);
  if (!state.ok()) return EINTR;
  if (may_be_interrupted(*state)) return kRestartCall;
  return state->threads > 1 && is_awaited_by_group_stop(guest) ? kRestartCall : 0;
}

// The one thread that looks at the signals of all guests with a blocked call.
class Watcher {
 public:
  static Watcher& instance() {
    static auto* watcher = new Watcher();  // never destroyed: its thread uses it until the process ends
    return *watcher;
  }

  // Nothing when too many calls block already.
  std::optional<std::list<Section>::iterator> enter(HostPid guest) {
    const std::scoped_lock lock(mutex_);
    if (sections_.size() >= kSectionLimit) return std::nullopt;
    if (!started_) {
      start();
      started_ = true;
    }
    sections_.push_back({guest, static_cast<pid_t>(syscall(SYS_gettid)), Clock::now() + kFirstCheck});
    changed_.notify_one();
    return std::prev(sections_.end());
  }

  int leave(std::list<Section>::iterator section) {
    const std::scoped_lock lock(mutex_);
    const int interruption = section->interruption;
    sections_.erase(section);
    return interruption;
  }

  int interruption(std::list<Section>::iterator section) {
    const std::scoped_lock lock(mutex_);
    return section->interruption;
  }

  void hurry() {
    const std::scoped_lock lock(mutex_);
    if (sections_.size() > kHurriedSections) return;
    for (Section& section : sections_) {
      section.interval = kFirstCheck;
      section.next_check = Clock::now() + kFirstCheck;
    }
    changed_.notify_one();
  }

 private:
  void start() {
    struct sigaction action = {};
    action.sa_handler = on_wake_signal;
    sigaction(wake_signal(), &action, nullptr);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this] { run(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  [[noreturn]] void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      if (sections_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto first = std::min_element(sections_.begin(), sections_.end(),
                                          [](const Section& a, const Section& b) { return a.next_check < b.next_check; });
      if (const auto due = first->next_check; due > Clock::now()) {
        changed_.wait_until(lock, due);
        continue;
      }
      check(*first);
    }
  }

  void check(Section& section) const {
    if (section.interruption == 0) section.interruption = interruption_of(section.guest);
    if (section.interruption != 0) {
      // The worker may be about to enter its call: it is woken again until it has left.
      syscall(SYS_tgkill, getpid(), section.worker, wake_signal());
      section.interval = kFirstCheck;
    } else {
      const auto slowest = std::max<Clock::duration>(kSlowestCheck, kSlowestCheckOfEach * sections_.size());
      section.interval = std::min<Clock::duration>(section.interval * 2, slowest);
    }
    section.next_check = Clock::now() + section.interval;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Section> sections_;
  bool started_ = false;
};

}  // namespace

Result<SignalState> parse_signal_state(const ProcessStatus& status) {
  SignalState state;
  LITEBOX_ASSIGN(state.pending, status.number("SigPnd", 16));
  LITEBOX_ASSIGN(state.shared_pending, status.number("ShdPnd", 16));
  LITEBOX_ASSIGN(state.blocked, status.number("SigBlk", 16));
  LITEBOX_ASSIGN(state.caught, status.number("SigCgt", 16));
  LITEBOX_ASSIGN(const uint64_t threads, status.number("Threads"));
  state.threads = static_cast<unsigned>(threads);
  return state;
}

Result<SignalState> signal_state_of(HostPid thread) {
  LITEBOX_ASSIGN(const ProcessStatus status, ProcessStatus::of(thread));
  return parse_signal_state(status);
}

bool may_be_interrupted(const SignalState& state) { return ((state.pending | state.shared_pending) & ~state.blocked) != 0; }

// A thread that is in no uninterruptible wait, as calls of the monitor's are, has followed.
bool is_awaited_by_group_stop(HostPid thread) {
  const std::string tasks = "/proc/" + std::to_string(thread.value()) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(tasks.c_str()), ::closedir);
  if (directory == nullptr) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    const int sibling = std::atoi(entry->d_name);
    if (sibling <= 0 || sibling == thread.value()) continue;
    const auto status = ProcessStatus::of(HostPid(sibling));
    const char state = status.ok() ? status->state() : 'X';
    if (state == 'T') return true;
    if (state == 'R' || state == 'S') return false;
  }
  return false;
}

Result<int64_t> run_interruptibly(HostPid thread, const std::function<int64_t()>& work) {
  Watcher& watcher = Watcher::instance();
  const auto entered = may_block ? watcher.enter(thread) : std::nullopt;
  if (!entered) return Error(ENOMEM);
  const auto section = *entered;
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, wake_signal());
  pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);
  int64_t result = work();
  while (result == -EINTR && watcher.interruption(section) == 0) result = work();
  // Blocked again before leaving, so that a late wake-up cannot disturb whatever this thread does next.
  pthread_sigmask(SIG_BLOCK, &wake, nullptr);
  const int interruption = watcher.leave(section);
  if (result == -EINTR) return Error(interruption);
  if (result < 0) return Error(static_cast<int>(-result));
  return result;
}

void allow_blocking(bool allowed) { may_block = allowed; }

void expect_signals() { Watcher::instance().hurry(); }

}  // namespace litebox::kernel
