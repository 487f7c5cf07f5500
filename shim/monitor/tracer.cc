#include "shim/monitor/tracer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "shim/kernel/pidfd.h"

namespace litebox::monitor {
namespace {

constexpr int kRetryMs = 1;
constexpr int kSweepMs = 1;

void drain(int fd) {
  char bytes[4 * sizeof(signalfd_siginfo)];
  (void)::read(fd, bytes, sizeof bytes);
}

// By another thread of this process.
bool was_reaped(HostPid child, int pidfd) {
  siginfo_t info{};
  return kernel::has_ended(pidfd) &&
         ::waitid(P_PID, static_cast<id_t>(child.value()), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0;
}

}  // namespace

Tracer::Tracer(kernel::World& world, const Listener& listener)
    : world_(world), listener_(listener), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Tracer::submit(const syscalls::Call& call) {
  Request request;
  request.id = call.notification_id;
  request.thread = call.thread;
  request.process = call.process;
  request.number = call.number;
  request.arguments = call.arguments;
  request.state = call.state;
  post(std::move(request));
}

void Tracer::exchange(const WaitingCall& call, std::function<void(user_regs_struct&)> change, ExchangeEnd end) {
  post(Exchange{call.thread, {call.notification_id, call.instruction_pointer, std::move(change), end}});
}

std::optional<int> Tracer::reaped_status(HostPid child) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = reaped_.find(child);
  if (found == reaped_.end()) return std::nullopt;
  const int status = found->second;
  reaped_.erase(found);
  return status;
}

void Tracer::post(Job job) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    jobs_.push_back(std::move(job));
    if (!started_) {
      started_ = true;
      std::thread([this] { run(); }).detach();
    }
  }
  const uint64_t one = 1;
  (void)::write(wake_.get(), &one, sizeof one);
}

void Tracer::run() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  child_signals_ = Fd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  std::vector<pollfd> polled;
  while (true) {
    polled.clear();
    polled.push_back({wake_.get(), POLLIN, 0});
    // Stops of threads that other parts of the monitor nudge raise the signal too: it is of interest while somebody traces.
    const bool tracing = !tracees_.empty() || !kicked_.empty();
    polled.push_back({tracing ? child_signals_.get() : -1, POLLIN, 0});
    if (!standstill_) {
      for (const auto& [thread, watched] : tracers_) polled.push_back({watched.pidfd.get(), POLLIN, 0});
    }
    for (const auto& [thread, tracee] : tracees_) {
      if (tracee.monitor_child) polled.push_back({tracee.pidfd.get(), POLLIN, 0});
    }
    for (const auto& [thread, kicked] : kicked_) {
      if (kicked.pidfd) polled.push_back({kicked.pidfd.get(), POLLIN, 0});
    }
    if (::poll(polled.data(), polled.size(), timeout()) < 0) continue;
    if (polled[0].revents != 0) drain(wake_.get());
    if (polled[1].revents != 0) drain(child_signals_.get());
    take_events();
    if (!standstill_) take_ended_tracers();
    take_jobs();
    if (standstill_) {
      sweep();
    } else {
      check_waits();
    }
  }
}

int Tracer::timeout() const {
  if (standstill_) return standstill_->done ? kSweepMs : -1;
  if (!retries_.empty()) return kRetryMs;
  if (waits_.empty()) return -1;
  const auto next = std::min_element(waits_.begin(), waits_.end(), [](const Request& a, const Request& b) {
                      return a.next_check < b.next_check;
                    })->next_check;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

void Tracer::take_jobs() {
  std::deque<Job> jobs;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    jobs.swap(jobs_);
  }
  if (!standstill_) {
    std::deque<Request> retries;
    retries.swap(retries_);
    for (Request& request : retries) on_ptrace(request);
  }
  for (Job& job : jobs) {
    if (auto* pause = std::get_if<Pause>(&job)) {
      begin_pause(std::move(pause->done));
    } else if (auto* resume = std::get_if<Resume>(&job)) {
      end_pause(Error(ECANCELED));
      resume->done.set_value();
    } else if (standstill_) {
      standstill_->deferred.push_back(std::move(job));
    } else {
      carry_out(job);
    }
  }
}

void Tracer::carry_out(Job& job) {
  if (auto* exchange = std::get_if<Exchange>(&job)) {
    start_exchange(*exchange);
  } else if (const auto* interruption = std::get_if<Interruption>(&job)) {
    start_interruption(*interruption);
  } else if (auto* guard = std::get_if<Guard>(&job)) {
    guard->done.set_value(guard_init());
  } else if (const auto* execution = std::get_if<Execution>(&job)) {
    let_execute(execution->process, execution->thread, execution->notification_id);
  } else if (auto* request = std::get_if<Request>(&job)) {
    request->number == SYS_ptrace ? on_ptrace(*request) : on_wait(*request);
  }
}

void Tracer::take_events() {
  if (tracees_.empty() && kicked_.empty()) return;
  while (true) {
    int status = 0;
    rusage usage{};
    const pid_t thread = static_cast<pid_t>(::syscall(SYS_wait4, -1, &status, __WALL | __WNOTHREAD | WNOHANG, &usage));
    if (thread <= 0) break;
    on_event(HostPid(thread), status, usage);
  }
  // A child of the monitor itself may have been reaped by the thread that waits for those.
  std::vector<HostPid> gone;
  for (const auto& [thread, tracee] : tracees_) {
    if (tracee.monitor_child && was_reaped(thread, tracee.pidfd.get())) gone.push_back(thread);
  }
  for (const auto& [thread, kicked] : kicked_) {
    if (kicked.pidfd && was_reaped(thread, kicked.pidfd.get())) gone.push_back(thread);
  }
  for (const HostPid thread : gone) {
    (void)hold(thread, SIGKILL, {});
    kicked_.erase(thread);
    on_end(thread, SIGKILL, {});
  }
}

void Tracer::on_event(HostPid thread, int status, const rusage& usage) {
  if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC) rename_kicked(thread);
  if (hold(thread, status, usage)) return;
  if (kicked_.count(thread) != 0) {
    on_kicked(thread, status);
    return;
  }
  Tracee* tracee = find(thread);
  if (!WIFSTOPPED(status)) {
    if (tracee != nullptr && tracee->monitor_child) {
      const std::lock_guard<std::mutex> guard(mutex_);
      reaped_[thread] = status;
    }
    unclaimed_.erase(thread);
    on_end(thread, status, usage);
  } else if (tracee != nullptr || (tracee = renamed(thread, status)) != nullptr) {
    on_stop(*tracee, status, usage);
  } else {
    unclaimed_[thread] = {status, usage};
  }
}

Tracee* Tracer::find(HostPid thread) {
  const auto found = tracees_.find(thread);
  return found == tracees_.end() ? nullptr : &found->second;
}

}  // namespace litebox::monitor
