// The waits of tracers. What the kernel knows of (ends, stops and continuations of a process's own untraced children) it
// reports itself: such a wait goes on natively, and is fetched back when a tracee stops. What only the tracing thread knows of
// is answered here.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>

#include "shim/kernel/pending_signals.h"
#include "shim/kernel/pidfd.h"
#include "shim/monitor/tracer.h"
#include "shim/syscalls/targets.h"

namespace litebox::monitor {
namespace {

constexpr auto kFirstCheck = std::chrono::milliseconds(1);
constexpr auto kSlowestCheck = std::chrono::milliseconds(40);
constexpr unsigned kWait4Options = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;

// /proc/<pid>/task/<tid>/children (CONFIG_PROC_CHILDREN): living ones and zombies.
std::vector<HostPid> native_children(HostPid process) {
  std::vector<HostPid> children;
  for (const HostPid thread : syscalls::threads_of(process)) {
    std::ifstream file("/proc/" + std::to_string(process.value()) + "/task/" + std::to_string(thread.value()) + "/children");
    for (pid_t child = 0; file >> child;) children.emplace_back(child);
  }
  return children;
}

bool is_own_child(HostPid process) {
  const auto pidfd = kernel::open_pidfd(process);
  if (!pidfd.ok()) return false;
  const auto parent = kernel::parent_process(pidfd->get(), process);
  return parent.ok() && parent->value() == ::getpid();
}

// The process behind one of a process's own pidfds, 0 when it is none.
pid_t process_of_pidfd(HostPid owner, int fd) {
  std::ifstream file("/proc/" + std::to_string(owner.value()) + "/fdinfo/" + std::to_string(fd));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pid:")) return std::atoi(line.c_str() + 4);
  }
  return 0;
}

}  // namespace

void Tracer::on_wait(Request& request) {
  continued_.erase(request.thread);
  if (try_wait(request)) return;
  request.interval = kFirstCheck;
  request.next_check = Clock::now() + kFirstCheck;
  waits_.push_back(std::move(request));
}

Tracer::Selection Tracer::selection_of(const Request& request) const {
  Selection selection;
  if (request.number == SYS_wait4) {
    const int id = request.integer(0);
    selection.options = static_cast<unsigned>(request.raw(2));
    selection.valid = (selection.options & ~kWait4Options) == 0 && id != INT32_MIN;
    if (id > 0) {
      selection.by = Selection::By::thread;
      selection.id = world_.to_host(VirtualPid(id)).value();
    } else if (id != -1) {
      selection.by = Selection::By::group;
      selection.id = id == 0 ? ::getpgid(request.process.value()) : world_.to_host(VirtualPid(-id)).value();
    }
    return selection;
  }
  selection.options = static_cast<unsigned>(request.raw(3));
  selection.ends = (selection.options & WEXITED) != 0;
  selection.valid = (selection.options & (WEXITED | WSTOPPED | WCONTINUED)) != 0;
  const int id = request.integer(1);
  switch (request.integer(0)) {
    case P_ALL:
      break;
    case P_PID:
      selection.by = Selection::By::thread;
      selection.id = world_.to_host(VirtualPid(id)).value();
      break;
    case P_PGID:
      selection.by = Selection::By::group;
      selection.id = id == 0 ? ::getpgid(request.process.value()) : world_.to_host(VirtualPid(id)).value();
      break;
    case P_PIDFD:
      selection.by = Selection::By::thread;
      selection.id = process_of_pidfd(request.process, id);
      selection.valid = selection.valid && selection.id > 0;
      break;
    default:
      selection.valid = false;
  }
  return selection;
}

// True when the wait has been answered, or handed to the kernel.
bool Tracer::try_wait(Request& request) {
  const Selection selection = selection_of(request);
  const auto go_on = [&] {
    (void)listener_.proceed(request.id);
    if ((selection.options & WNOHANG) == 0) continued_[request.thread] = request.process;
    return true;
  };
  if (!selection.valid) return go_on();
  const auto selects = [&](HostPid thread, HostPid process, pid_t known_group) {
    if (selection.by == Selection::By::any) return true;
    if (selection.by == Selection::By::thread) return thread.value() == selection.id;
    return (known_group != 0 ? known_group : ::getpgid(process.value())) == selection.id;
  };
  Tracee* found = nullptr;
  bool any = false;
  for (auto& [thread, tracee] : tracees_) {
    const bool own =
        tracee.tracer.process == request.process &&
        ((selection.options & __WNOTHREAD) == 0 || tracee.any_tracer_thread || tracee.tracer.thread == request.thread);
    if (!own || tracee.abandoned || !selects(thread, tracee.process, 0)) continue;
    any = true;
    if (!tracee.stopped || tracee.stop.collected) continue;
    if (found == nullptr || tracee.stop.sequence < found->stop.sequence) found = &tracee;
  }
  if (found != nullptr) {
    found->stop.collected = request.number == SYS_wait4 || (selection.options & WNOWAIT) == 0;
    return answer_with(request, selection, found->thread, found->stop.status, found->stop.usage);
  }
  for (auto ended = ended_.begin(); ended != ended_.end(); ++ended) {
    if (ended->tracer_process != request.process || !selection.ends || !selects(ended->thread, ended->process, ended->group)) {
      continue;
    }
    const Ended end = *ended;
    if (request.number == SYS_wait4 || (selection.options & WNOWAIT) == 0) {
      world_.traces().release(request.process);
      ended_.erase(ended);
    }
    return answer_with(request, selection, end.thread, end.status, end.usage);
  }
  if (!any) return go_on();
  for (const HostPid child : native_children(request.process)) {
    const Tracee* tracee = find(child);
    if (tracee != nullptr && tracee->tracer.process == request.process) continue;
    if (selects(child, child, 0)) return go_on();
  }
  if ((selection.options & WNOHANG) == 0) return false;
  if (request.number == SYS_wait4) {
    answer(request, 0);
    return true;
  }
  return answer_with(request, selection, HostPid(), 0, {});
}

// wait_task_stopped() and wait_task_zombie(); no thread: nothing to report.
bool Tracer::answer_with(const Request& request, const Selection& /*selection*/, HostPid thread, int status,
                         const rusage& usage) const {
  const kernel::GuestMemory memory = request.memory();
  const int id = thread == HostPid() ? 0 : thread == world_.init() ? 1 : thread.value();
  bool written = true;
  if (request.number == SYS_wait4) {
    if (!request.address(1).null()) written = memory.write_value(request.address(1), status).ok();
    if (!request.address(3).null()) written = memory.write_value(request.address(3), usage).ok() && written;
    answer(request, written ? id : -EFAULT);
    return true;
  }
  if (id != 0 && !request.address(4).null()) written = memory.write_value(request.address(4), usage).ok();
  if (const GuestAddress into = request.address(2); !into.null()) {
    siginfo_t info{};
    if (id != 0) {
      const auto state = world_.state_of(thread);
      info.si_signo = SIGCHLD;
      info.si_pid = id;
      info.si_uid = state.ok() ? (*state)->credentials->uid : 0;
      if (WIFSTOPPED(status)) {
        info.si_code = CLD_TRAPPED;
        info.si_status = status >> 8;
      } else if (WIFEXITED(status)) {
        info.si_code = CLD_EXITED;
        info.si_status = WEXITSTATUS(status);
      } else {
        info.si_code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
        info.si_status = WTERMSIG(status);
      }
    }
    // The kernel fills these fields and leaves the rest of the structure alone.
    constexpr size_t kHead = 3 * sizeof(int);
    const size_t at = offsetof(siginfo_t, si_pid);
    written = memory.write(into, &info, kHead).ok() &&
              memory.write(into + at, reinterpret_cast<const char*>(&info) + at, 3 * sizeof(int)).ok() && written;
  }
  answer(request, written ? 0 : -EFAULT);
  return true;
}

// Something has happened to a tracee of this process.
void Tracer::serve_waits(HostPid tracer_process) {
  for (auto wait = waits_.begin(); wait != waits_.end();) {
    wait = wait->process == tracer_process && try_wait(*wait) ? waits_.erase(wait) : std::next(wait);
  }
  const bool news = std::any_of(tracees_.begin(), tracees_.end(),
                                [tracer_process](const auto& item) {
                                  const Tracee& tracee = item.second;
                                  return tracee.tracer.process == tracer_process && tracee.stopped && !tracee.stop.collected;
                                }) ||
                    std::any_of(ended_.begin(), ended_.end(),
                                [tracer_process](const Ended& end) { return end.tracer_process == tracer_process; });
  if (!news) return;
  for (auto waiting = continued_.begin(); waiting != continued_.end();) {
    if (waiting->second != tracer_process) {
      ++waiting;
      continue;
    }
    kick(waiting->first);
    waiting = continued_.erase(waiting);
  }
}

// A thread that waits here is deaf to signals: they are looked for (kernel/pending_signals.h).
void Tracer::check_waits() {
  const auto now = Clock::now();
  for (auto wait = waits_.begin(); wait != waits_.end();) {
    if (wait->next_check > now) {
      ++wait;
      continue;
    }
    const auto signals = kernel::signal_state_of(wait->thread);
    const bool interrupted = !signals.ok() || kernel::may_be_interrupted(*signals);
    if (interrupted) {
      const WaitingCall call{wait->thread, is_own_child(wait->process), wait->id, 0};
      start_interruption({call, -kernel::kRestartCall});
    }
    if (interrupted || try_wait(*wait)) {
      wait = waits_.erase(wait);
      continue;
    }
    wait->interval = std::min<Clock::duration>(wait->interval * 2, kSlowestCheck);
    wait->next_check = now + wait->interval;
    ++wait;
  }
}

}  // namespace litebox::monitor
