// Who traces whom: PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE, and the end of tracers.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "shim/kernel/permissions.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/ptrace_stop.h"
#include "shim/monitor/tracer.h"
#include "shim/syscalls/targets.h"

namespace litebox::monitor {
namespace {

// How often an attempt is repeated, a millisecond apart, when the thread may be seized by a nudge at the moment.
constexpr int kAttempts = 100;

std::string read_line(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text) : -1;
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// Yama's kernel.yama.ptrace_scope (Documentation/admin-guide/LSM/Yama.rst); 0 where the host has none.
int ptrace_scope() {
  static const int scope = std::atoi(read_line("/proc/sys/kernel/yama/ptrace_scope").c_str());
  return scope;
}

bool descends_from(HostPid process, HostPid ancestor) {
  while (process.value() > 1) {
    if (process == ancestor) return true;
    const auto pidfd = kernel::open_pidfd(process);
    if (!pidfd.ok()) return false;
    const auto parent = kernel::parent_process(pidfd->get(), process);
    if (!parent.ok()) return false;
    process = *parent;
  }
  return false;
}

Result<HostPid> parent_of(HostPid process) {
  LITEBOX_ASSIGN(const Fd pidfd, kernel::open_pidfd(process));
  return kernel::parent_process(pidfd.get(), process);
}

// Whether a thread may be about to wait in the kernel, or does so already.
bool may_be_waiting(HostPid process, HostPid thread) {
  const std::string text =
      read_line("/proc/" + std::to_string(process.value()) + "/task/" + std::to_string(thread.value()) + "/syscall");
  if (text.starts_with("running")) return true;
  const long number = std::strtol(text.c_str(), nullptr, 10);
  return number == SYS_wait4 || number == SYS_waitid;
}

}  // namespace

// __ptrace_may_access() with PTRACE_MODE_ATTACH_REALCREDS, and yama_ptrace_access_check(); an errno or 0.
int Tracer::may_trace(const Request& request, HostPid thread, HostPid process) const {
  if (process == request.process) return EPERM;
  // Of a container that shares its processes with this one: its own monitor is its tracer.
  if (!world_.is_own(process) && world_.is_member(process)) return EPERM;
  const auto state = world_.state_of(thread);
  if (!state.ok()) return ESRCH;
  const kernel::Credentials& tracer = *request.state->credentials;
  if (!kernel::may_access(tracer, **state)) return EPERM;
  const int scope = ptrace_scope();
  if (scope >= 3) return EPERM;
  if (scope >= 1 && !tracer.has(CAP_SYS_PTRACE) && (scope == 2 || !descends_from(process, request.process))) return EPERM;
  return 0;
}

bool Tracer::watch_tracer(kernel::TracerIds tracer) {
  if (tracers_.count(tracer.thread) != 0) return true;
  auto pidfd = kernel::open_thread_pidfd(tracer.thread);
  auto process = kernel::open_pidfd(tracer.process);
  if (!pidfd.ok() || !process.ok()) return false;
  tracers_.emplace(tracer.thread, Watched{tracer, std::move(*pidfd), std::move(*process)});
  return true;
}

// The caller's parent becomes its tracer. Nothing stops; the next exec or signal does.
void Tracer::trace_me(Request& request) {
  if (find(request.thread) != nullptr) return answer(request, -EPERM);
  const auto parent = parent_of(request.process);
  if (!parent.ok() || !world_.is_member(*parent)) return answer(request, -EPERM);
  const auto tracer_state = world_.state_of(*parent);
  if (!tracer_state.ok()) return answer(request, -EPERM);
  // cap_ptrace_traceme()
  const kernel::Credentials& tracer = *(*tracer_state)->credentials;
  if ((request.state->credentials->permitted & ~tracer.permitted) != 0 && !tracer.has(CAP_SYS_PTRACE)) {
    return answer(request, -EPERM);
  }
  Tracee tracee;
  tracee.thread = request.thread;
  tracee.process = request.process;
  tracee.tracer = {*parent, *parent};
  tracee.any_tracer_thread = true;
  tracee.native_child = request.thread == request.process;
  if (!watch_tracer(tracee.tracer) || ::ptrace(PTRACE_SEIZE, request.thread.value(), 0, kernel::native_options(0)) != 0) {
    return answer(request, -EPERM);
  }
  world_.traces().add(request.thread, tracee.tracer);
  const HostPid process = tracee.tracer.process;
  tracees_.emplace(request.thread, std::move(tracee));
  wake_waiting_threads(process);
  answer(request, 0);
}

void Tracer::attach(Request& request, bool seize) {
  const uint64_t options = seize ? request.raw(3) : 0;
  if (seize && request.raw(2) != 0) return answer(request, -EIO);
  if ((options & ~kernel::kPtraceOptions) != 0) return answer(request, -EIO);
  if ((options & PTRACE_O_SUSPEND_SECCOMP) != 0) return answer(request, -EPERM);
  const auto named = world_.to_host(VirtualPid(request.integer(1)));
  const auto process = world_.thread_group_of(named);
  if (!process.ok()) return answer(request, -ESRCH);
  Tracee* const known = find(named);
  if (known != nullptr && !known->guarded) return answer(request, -EPERM);
  if (const int error = may_trace(request, named, *process); error != 0) return answer(request, -error);
  if (known != nullptr) {
    if (!known->abandoned) lift_guard(*known);
    if (++request.attempts >= kAttempts) return answer(request, -EPERM);
    retries_.push_back(std::move(request));
    return;
  }
  const kernel::TracerIds tracer{request.thread, request.process};
  if (!watch_tracer(tracer)) return answer(request, -ESRCH);
  if (::ptrace(PTRACE_SEIZE, named.value(), 0, kernel::native_options(options)) != 0) {
    const int error = errno;
    if (error == EPERM && ++request.attempts < kAttempts) {
      retries_.push_back(std::move(request));
      return;
    }
    return answer(request, -error);
  }
  // The number may have gone to a process outside since it was looked at.
  if (!world_.is_member(named)) {
    (void)::ptrace(PTRACE_INTERRUPT, named.value(), 0, 0);
    kicked_.try_emplace(named);
    return answer(request, -ESRCH);
  }
  Tracee tracee;
  tracee.thread = named;
  tracee.process = *process;
  tracee.tracer = tracer;
  tracee.seized = seize;
  tracee.options = options;
  const auto parent = parent_of(*process);
  if (named == *process && parent.ok()) {
    tracee.native_child = *parent == request.process;
    tracee.monitor_child = parent->value() == ::getpid();
    if (auto pidfd = kernel::open_pidfd(named); tracee.monitor_child && pidfd.ok()) tracee.pidfd = std::move(*pidfd);
  }
  tracee.attach_stop_due = !seize;
  world_.traces().add(named, tracer);
  tracees_.emplace(named, std::move(tracee));
  if (!seize) (void)::syscall(SYS_tgkill, process->value(), named.value(), SIGSTOP);
  answer(request, 0);
}

// Threads that went into a wait before their process had a tracee come back and are looked at again.
void Tracer::wake_waiting_threads(HostPid process) {
  for (const HostPid thread : syscalls::threads_of(process)) {
    if (may_be_waiting(process, thread)) kick(thread);
  }
}

// exit_ptrace(): who was traced goes on untraced, or dies with its tracer if that was asked for.
void Tracer::take_ended_tracers() {
  std::vector<kernel::TracerIds> gone;
  for (const auto& [thread, watched] : tracers_) {
    if (kernel::has_ended(watched.pidfd.get())) gone.push_back(watched.ids);
  }
  for (const kernel::TracerIds& tracer : gone) {
    tracers_.erase(tracer.thread);
    std::vector<HostPid> tracees;
    for (const auto& [thread, tracee] : tracees_) {
      if (tracee.tracer.thread == tracer.thread) tracees.push_back(thread);
    }
    for (const HostPid thread : tracees) abandon(*find(thread));
    for (auto ended = ended_.begin(); ended != ended_.end();) {
      if (ended->tracer_process != tracer.process) {
        ++ended;
        continue;
      }
      world_.traces().release(tracer.process);
      ended = ended_.erase(ended);
    }
    std::erase_if(continued_, [&tracer](const auto& item) { return item.second == tracer.process; });
  }
}

void Tracer::abandon(Tracee& tracee) {
  tracee.abandoned = true;
  if ((tracee.options & PTRACE_O_EXITKILL) != 0) {
    (void)::syscall(SYS_tgkill, tracee.process.value(), tracee.thread.value(), SIGKILL);
  }
  if (tracee.hidden || tracee.exchange) return;  // let go when it is done
  if (!tracee.stopped) {
    (void)::ptrace(PTRACE_INTERRUPT, tracee.thread.value(), 0, 0);
    return;
  }
  // A signal that no wait has taken off it is delivered.
  const bool signal = !tracee.stop.collected && kernel::kind_of_stop(tracee.stop.status) == kernel::StopKind::signal;
  detach(tracee, signal && !tracee.stop.emulated ? WSTOPSIG(tracee.stop.status) : 0);
}

}  // namespace litebox::monitor
