#include "shim/kernel/pending_signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.h"

namespace litebox::kernel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFirstCheck = std::chrono::milliseconds(1);
constexpr auto kSlowestCheck = std::chrono::milliseconds(40);

// Sent to the monitor's own threads, to make a system call return; its handler does nothing.
int wake_signal() { return SIGRTMAX - 1; }
void on_wake_signal(int /*signal*/) {}

std::string_view field(std::string_view status, std::string_view name) {
  size_t at = 0;
  while (at < status.size()) {
    const size_t end = std::min(status.find('\n', at), status.size());
    const std::string_view line = status.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      const size_t value = line.find_first_not_of(" \t", name.size() + 1);
      return value == std::string_view::npos ? std::string_view() : line.substr(value);
    }
    at = end + 1;
  }
  return {};
}

template <typename T>
Status parse_field(std::string_view status, std::string_view name, int base, T& into) {
  const std::string_view text = field(status, name);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
  if (text.empty() || error != std::errc() || end == text.data()) return Error(EIO);
  return {};
}

// One blocked call: the monitor's thread that runs it, and the guest's thread that it is run for.
struct Section {
  HostPid guest;
  pid_t worker;
  Clock::time_point next_check;
  Clock::duration interval = kFirstCheck;
  int interruption = 0;  // once not 0, the worker is woken at every check until it leaves
};

// The one thread that looks at the signals of all guests with a blocked call.
class Watcher {
 public:
  static Watcher& instance() {
    static auto* watcher = new Watcher();  // never destroyed: its thread uses it until the process ends
    return *watcher;
  }

  std::list<Section>::iterator enter(HostPid guest) {
    const std::scoped_lock lock(mutex_);
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

  static void check(Section& section) {
    if (section.interruption == 0) {
      const auto state = signal_state_of(section.guest);
      section.interruption = state.ok() ? interruption_of(*state) : EINTR;
    }
    if (section.interruption != 0) {
      // The worker may be about to enter its call: it is woken again until it has left.
      syscall(SYS_tgkill, getpid(), section.worker, wake_signal());
      section.interval = kFirstCheck;
    } else {
      section.interval = std::min<Clock::duration>(section.interval * 2, kSlowestCheck);
    }
    section.next_check = Clock::now() + section.interval;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Section> sections_;
  bool started_ = false;
};

}  // namespace

Result<SignalState> parse_signal_state(std::string_view status) {
  SignalState state;
  LITEBOX_TRY(parse_field(status, "SigPnd", 16, state.pending));
  LITEBOX_TRY(parse_field(status, "ShdPnd", 16, state.shared_pending));
  LITEBOX_TRY(parse_field(status, "SigBlk", 16, state.blocked));
  LITEBOX_TRY(parse_field(status, "SigCgt", 16, state.caught));
  LITEBOX_TRY(parse_field(status, "Threads", 10, state.threads));
  return state;
}

Result<SignalState> signal_state_of(HostPid thread) {
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
  return parse_signal_state(std::string_view(text).substr(0, size));
}

int interruption_of(const SignalState& state) {
  // complete_signal() marks the thread that a signal was sent to, and the only thread of a process, for certain. For a
  // process of several threads it marks one of them, and nothing tells which.
  if ((state.pending & ~state.blocked) != 0) return kRestartCall;
  if ((state.shared_pending & ~state.blocked) != 0) return state.threads == 1 ? kRestartCall : EINTR;
  return 0;
}

Result<int64_t> run_interruptibly(HostPid thread, const std::function<int64_t()>& work) {
  Watcher& watcher = Watcher::instance();
  const auto section = watcher.enter(thread);
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

}  // namespace litebox::kernel
