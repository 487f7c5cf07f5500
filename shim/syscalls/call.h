// One system call that a guest made and that the monitor answers: arguments in, a Reply out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "rootfs/subject.h"
#include "shim/kernel/exec.h"
#include "shim/kernel/guest_memory.h"
#include "shim/kernel/process_state.h"
#include "shim/kernel/world.h"

namespace litebox::syscalls {

// What the guest gets.
class Reply {
 public:
  struct Value {
    int64_t value;
  };  // the call's result, or -errno
  struct InstallFd {
    Fd fd;
    bool close_on_exec;
    bool controlling = false;  // the caller then tries to make it its controlling terminal (TIOCSCTTY)
  };                           // the call returns the new descriptor's number
  struct Proceed {};           // let the kernel do the call: only where every possible argument is harmless
  // Make this call in the guest's own context instead (a nudge), as often as there are arguments. The result is that of one
  // that succeeded, or the last one's.
  struct InGuest {
    int64_t number;
    std::vector<std::array<uint64_t, 6>> arguments;
    // A descriptor that the guest has for these calls alone, and which of their arguments is its number there.
    Fd descriptor{};
    size_t descriptor_argument = 0;
    // What the caller gets for that result; called when the calls are done, in the monitor. May be null.
    std::function<int64_t(int64_t)> finish{};
    // What is to be called then instead of the end, for that result; null for the end. May be null itself.
    std::function<std::shared_ptr<InGuest>(int64_t)> then{};
  };
  // ptrace(2), and the waits of tracers: the monitor's tracing thread answers (shim/monitor/tracer.h).
  struct ByTracer {};
  // Execute the loader in the guest's context with these argument and environment vectors, then let it become the plan.
  struct Exec {
    std::unique_ptr<kernel::ExecPlan> plan;
    GuestAddress argv;
    GuestAddress envp;
  };

  static Reply value(int64_t value) { return Reply(Value{value}); }
  static Reply success() { return value(0); }
  static Reply error(int number) { return value(-number); }
  static Reply error(const Error& error) { return value(-(error.number() != 0 ? error.number() : EIO)); }
  static Reply fd(Fd fd, bool close_on_exec) { return Reply(InstallFd{std::move(fd), close_on_exec}); }
  static Reply by_tracer() { return Reply(ByTracer{}); }
  static Reply controlling_terminal(Fd fd, bool close_on_exec) { return Reply(InstallFd{std::move(fd), close_on_exec, true}); }
  static Reply proceed() { return Reply(Proceed{}); }
  static Reply in_guest(int64_t number, const std::array<uint64_t, 6>& arguments) {
    return in_guest(number, std::vector{arguments});
  }
  static Reply in_guest(int64_t number, std::vector<std::array<uint64_t, 6>> arguments) {
    return Reply(InGuest{number, std::move(arguments)});
  }
  static Reply in_guest(InGuest calls) { return Reply(std::move(calls)); }
  static Reply exec(std::unique_ptr<kernel::ExecPlan> plan, GuestAddress argv, GuestAddress envp) {
    return Reply(Exec{std::move(plan), argv, envp});
  }
  static Reply from(const Status& status) { return status.ok() ? success() : error(status.error()); }

  using Kind = std::variant<Value, InstallFd, Proceed, ByTracer, InGuest, Exec>;
  Kind& kind() { return kind_; }

 private:
  explicit Reply(Kind kind) : kind_(std::move(kind)) {}
  Kind kind_;
};

// NOLINTBEGIN(bugprone-macro-parentheses): `target` may be a declaration
// LITEBOX_OR_REPLY(auto path, call.path(0)): the value, or leaves the handler with the error as the guest's errno.
#define LITEBOX_OR_REPLY(target, expression) LITEBOX_OR_REPLY_(LITEBOX_CONCAT(litebox_reply_, __LINE__), target, expression)
#define LITEBOX_OR_REPLY_(temporary, target, expression)                            \
  auto temporary = (expression);                                                    \
  if (!temporary.ok()) return ::litebox::syscalls::Reply::error(temporary.error()); \
  target = std::move(temporary).value()
// NOLINTEND(bugprone-macro-parentheses)
#define LITEBOX_CHECK_REPLY(expression)                                 \
  do {                                                                  \
    if (auto litebox_check_ = (expression); !litebox_check_.ok()) {     \
      return ::litebox::syscalls::Reply::error(litebox_check_.error()); \
    }                                                                   \
  } while (false)

// What the monitor offers to a handler while it runs.
class Monitor {
 public:
  virtual ~Monitor() = default;
  // Lets other calls be received while `work` runs: for whatever may block (a FIFO, connect, a slow file system).
  virtual void while_blocking(const std::function<void()>& work) = 0;
};

class Call {
 public:
  kernel::World& world;
  Monitor& monitor;
  HostPid thread;   // the caller
  HostPid process;  // its thread group
  int pidfd;        // of the calling thread (PIDFD_THREAD where the kernel has it); borrowed
  uint64_t notification_id;
  int64_t number;
  std::array<uint64_t, 6> arguments;
  uint64_t instruction_pointer;
  kernel::ProcessStatePtr state;
  kernel::GuestMemory memory;

  uint64_t raw(int index) const { return arguments[static_cast<size_t>(index)]; }
  int integer(int index) const { return static_cast<int>(raw(index)); }
  unsigned flags(int index) const { return static_cast<unsigned>(raw(index)); }
  GuestAddress address(int index) const { return GuestAddress(raw(index)); }

  rootfs::Subject subject() const { return {state->identity, process, thread, state->umask}; }
  const kernel::Credentials& credentials() const { return *state->credentials; }

  // The path argument at `index`, read once.
  Result<std::string> path(int index) const { return memory.read_path(address(index)); }
  // A copy of one of the caller's descriptors (pidfd_getfd); EBADF.
  Result<Fd> file(int guest_fd) const;
  // Where a relative path starts: the cwd for AT_FDCWD, else the directory fd's location; EBADF, ENOTDIR.
  Result<rootfs::Location> start(int guest_dirfd) const;
  // Resolves a path argument relative to `guest_dirfd` in the caller's root.
  Result<rootfs::Resolved> resolve(int guest_dirfd, const std::string& path, const rootfs::ResolveOptions& options = {}) const {
    return resolve_as(subject(), guest_dirfd, path, options);
  }
  // The same on behalf of another identity (access(2) uses the real ids).
  Result<rootfs::Resolved> resolve_as(const rootfs::Subject& subject, int guest_dirfd, const std::string& path,
                                      const rootfs::ResolveOptions& options = {}) const;
};

// A handler is a free function `Reply sys_<name>(Call&)`, declared by the header generated from shim/table/syscalls.yaml and
// called by the generated dispatch.
using Handler = Reply (*)(Call&);

}  // namespace litebox::syscalls
