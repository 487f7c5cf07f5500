// A pause without a cgroup: every thread of every guest is in a ptrace stop, which only its tracer learns of. Parents are sent
// no SIGCHLD, and waits for stops do not see it (kernel/signal.c ptrace_stop(), kernel/exit.c wait_consider_task()).
//
// From the moment that a pause is asked for, the tracing thread looks at no stop, and carries out nothing that guests or the
// rest of the monitor want of it. It interrupts threads until it finds none that still moves, and when the pause is over, sees
// to everything as if it happened then. The ends of threads alone are dealt with at once.
//
// What is not in a stop stands still as well if it waits in the kernel with the interrupt upon it: for an answer of the
// monitor, or for a child of vfork(2). It stops on its way out, before it executes another instruction.
//
// Known difference: a guest that traces another's calls sees one that waited during the pause end and begin anew, as after
// SIGSTOP and SIGCONT.
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "shim/kernel/process_status.h"
#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/repeated_call.h"
#include "shim/monitor/tracer.h"
#include "shim/syscalls/targets.h"

namespace litebox::monitor {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr auto kSweepInterval = std::chrono::milliseconds(1);
// How long an interrupted thread may take to its stop before it counts as waiting in the kernel.
constexpr auto kStopPatience = std::chrono::milliseconds(20);
// In a row, with the same members: a process may be forked while the members are being listed, and its parent end.
constexpr int kQuietSweeps = 2;

}  // namespace

void Tracer::resume() {
  Resume job;
  std::future<void> done = job.done.get_future();
  post(std::move(job));
  done.get();
}

void Tracer::expect(HostPid process) {
  const std::lock_guard<std::mutex> guard(mutex_);
  expected_.insert(process);
}

void Tracer::forget_expected(HostPid process) {
  const std::lock_guard<std::mutex> guard(mutex_);
  expected_.erase(process);
}

// An exec holds a lock of its process that PTRACE_SEIZE waits for, and may itself wait for a thread that this one has seized to
// be reaped: so none begins during a pause, and nothing is seized where one is under way already.
void Tracer::let_execute(HostPid process, HostPid thread, uint64_t notification_id) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!holding_) {
      expected_.erase(process);
      executing_[thread] = process;
      (void)listener_.proceed(notification_id);
      return;
    }
  }
  post(Execution{process, thread, notification_id});
}

void Tracer::executed(HostPid process) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::erase_if(executing_, [process](const auto& item) { return item.second == process; });
}

void Tracer::exec_failed(HostPid thread) {
  const std::lock_guard<std::mutex> guard(mutex_);
  executing_.erase(thread);
}

void Tracer::begin_pause(std::function<void(Status)> done) {
  if (standstill_) return done(Error(EALREADY, "pause"));
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    holding_ = true;
  }
  Standstill standstill;
  standstill.done = std::move(done);
  standstill.next_sweep = Clock::now();
  standstill.deadline = standstill.next_sweep + kPatience;
  standstill_ = std::move(standstill);
}

// Looks for what still moves.
void Tracer::sweep() {
  const auto now = Clock::now();
  if (!standstill_->done || now < standstill_->next_sweep) return;
  // Who has come or gone since the last sweep may have forked behind its back.
  std::vector<HostPid> members = world_.own_members();
  std::sort(members.begin(), members.end());
  bool quiet = members == standstill_->members;
  standstill_->obstacle = "processes come and go";
  for (const HostPid process : members) quiet = stop_process(process) && quiet;
  standstill_->members = std::move(members);
  standstill_->quiet_sweeps = quiet ? standstill_->quiet_sweeps + 1 : 0;
  standstill_->next_sweep = Clock::now() + kSweepInterval;
  if (standstill_->quiet_sweeps >= kQuietSweeps) {
    const auto done = std::exchange(standstill_->done, nullptr);
    done({});
  } else if (now >= standstill_->deadline) {
    end_pause(Error("stopping the guests: " + standstill_->obstacle));
  }
}

// True if the process's threads stand still already.
bool Tracer::stop_process(HostPid process) {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (expected_.count(process) != 0) return true;
  }
  const std::vector<HostPid> threads = syscalls::threads_of(process);
  const bool may_seize = !is_executing(process, threads);
  bool quiet = true;
  for (const HostPid thread : threads) quiet = stop_thread(thread, may_seize) && quiet;
  return quiet;
}

bool Tracer::stop_thread(HostPid thread, bool may_seize) {
  if (standstill_->held.count(thread) != 0 || unclaimed_.count(thread) != 0) return true;
  const Tracee* tracee = find(thread);
  if (tracee != nullptr && tracee->stopped) return true;
  const auto status = kernel::ProcessStatus::of(thread);
  const char state = status.ok() ? status->state() : '\0';  // none: it is gone
  if (state == 0 || state == 'Z' || state == 'X') return true;
  const bool seized = tracee != nullptr || kicked_.count(thread) != 0;
  if (seized && state == 't') return true;  // its tracer has it listen for the end of a group stop
  const auto now = Clock::now();
  if (const auto interrupted = standstill_->interrupted.find(thread); interrupted != standstill_->interrupted.end()) {
    if (state != 'R' && now - interrupted->second >= kStopPatience) return true;
    standstill_->obstacle = "thread " + std::to_string(thread.value()) + " does not stop";
    return false;
  }
  if (!seized && !may_seize) return false;
  if (interrupt_for_pause(thread)) {
    standstill_->interrupted.emplace(thread, now);
  } else {
    standstill_->obstacle = "thread " + std::to_string(thread.value()) + " cannot be traced: " + std::strerror(errno);
  }
  return false;
}

bool Tracer::interrupt_for_pause(HostPid thread) {
  const Tracee* tracee = find(thread);
  if (tracee == nullptr) return kick(thread);
  if (tracee->newborn || tracee->exchange) return true;  // a stop is on its way
  if (tracee->hidden) return ::ptrace(PTRACE_INTERRUPT, thread.value(), 0, 0) == 0;
  return kick(thread);
}

// Whether one of the threads is in an exec. A stopped one has left it.
bool Tracer::is_executing(HostPid process, const std::vector<HostPid>& threads) {
  const std::lock_guard<std::mutex> guard(mutex_);
  bool executing = false;
  std::erase_if(executing_, [&](const auto& item) {
    const auto& [thread, of] = item;
    if (of != process) return false;
    const bool gone = std::find(threads.begin(), threads.end(), thread) == threads.end();
    executing = executing || (!gone && standstill_->held.count(thread) == 0);
    return gone;
  });
  return executing;
}

// True: the event is a stop that is looked at when the pause is over.
bool Tracer::hold(HostPid thread, int status, const rusage& usage) {
  if (!standstill_) return false;
  if (!WIFSTOPPED(status)) {
    standstill_->held.erase(thread);
    standstill_->interrupted.erase(thread);
    return false;
  }
  if (!world_.is_own(thread)) return false;  // the number has gone to a process outside since it was looked at
  standstill_->held.insert_or_assign(thread, Event{status, usage});
  return true;
}

// `outcome` is for who asked for a pause that has not come about.
void Tracer::end_pause(Status outcome) {
  if (!standstill_) return;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    holding_ = false;
  }
  Standstill ended = std::move(*standstill_);
  standstill_.reset();
  for (const auto& [thread, event] : ended.held) {
    if (kernel::kind_of_stop(event.status) == kernel::StopKind::trap) repeat_unless_handled(thread);
    on_event(thread, event.status, event.usage);
  }
  for (Job& job : ended.deferred) carry_out(job);
  if (ended.done) ended.done(std::move(outcome));
}

}  // namespace litebox::monitor
