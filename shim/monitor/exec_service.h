// Carries out what only the guest's own context can do: execs, and single calls by nudge. Keeps what a nudged thread was
// about, answers the blob's hypercalls, and hands a freshly executed loader its program.
#pragma once

#include <sys/user.h>

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/fd.h"
#include "base/ids.h"
#include "shim/kernel/exec.h"
#include "shim/kernel/world.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/nudge.h"
#include "shim/syscalls/call.h"

namespace litebox::monitor {

class ExecService {
 public:
  // `loader`: the blob's sealed memfd, open for reading.
  ExecService(kernel::World& world, const Listener& listener, Fd loader);

  int loader() const { return loader_.get(); }

  // Announces a process that the monitor has forked and that is about to execute the loader. `done` is called once, when the
  // loader has been given the program.
  void expect(HostPid process, std::unique_ptr<kernel::ExecPlan> plan, std::function<void()> done);
  // Forgets an announced process (it died first).
  void forget(HostPid process);

  // Carries out a handler's Reply::Exec or Reply::InGuest, answering the notification.
  void begin_exec(const WaitingCall& call, HostPid process, syscalls::Reply::Exec request);
  void begin_call(const WaitingCall& call, const syscalls::Reply::InGuest& request);

  // True if the notification was one of the blob's own (a hypercall, or the execveat that begin_exec or expect led to): it is
  // answered then.
  bool handle(const seccomp_notif& notification, HostPid process, bool direct_child);

 private:
  enum class Stage { executing, closing, calling };
  struct Nudged {
    Stage stage = Stage::calling;
    HostPid process;
    user_regs_struct original{};
    int64_t result = 0;
    int loader_fd = -1;  // in the guest
    std::unique_ptr<kernel::ExecPlan> plan;
  };
  struct Expected {
    std::unique_ptr<kernel::ExecPlan> plan;
    std::function<void()> done;
  };

  bool may_execute(const seccomp_notif& notification, HostPid process);
  void hello(const seccomp_notif& notification, HostPid process);
  void done(const seccomp_notif& notification, bool direct_child);
  Status hand_over(const seccomp_notif& notification, HostPid process, kernel::ExecPlan& plan);
  bool runs_the_loader(HostPid process) const;

  kernel::World& world_;
  const Listener& listener_;
  Fd loader_;
  std::mutex mutex_;
  std::unordered_map<HostPid, Nudged> nudged_;      // by thread
  std::unordered_map<HostPid, HostPid> executing_;  // process -> the thread whose exec the kernel is doing
  std::unordered_map<HostPid, Expected> expected_;  // by process
};

}  // namespace litebox::monitor
