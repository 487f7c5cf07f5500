// Carries out what only the guest's own context can do: execs, and single calls by nudge. Keeps what a nudged thread was
// about, answers the blob's hypercalls, and hands a freshly executed loader its program.
#pragma once

#include <sys/user.h>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/fd.h"
#include "base/ids.h"
#include "shim/kernel/exec.h"
#include "shim/kernel/world.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/loader.h"
#include "shim/monitor/nudge.h"
#include "shim/monitor/tracer.h"
#include "shim/rewrite/cache.h"
#include "shim/syscalls/call.h"

namespace litebox::monitor {

class ExecService {
 public:
  // `texts`: what text is mapped rewritten; null: none. `shortcuts`: what its sites may do (shortcuts_of()).
  ExecService(kernel::World& world, const Listener& listener, Tracer& tracer, Loader loader,
              std::unique_ptr<rewrite::Cache> texts, const rewrite::Shortcuts& shortcuts);

  int loader() const { return loader_.descriptor(); }
  // Before anything executes the loader.
  Status seal_loader();

  // Announces a process that the monitor has forked and that is about to execute the loader. `done` is called once, when the
  // loader has been given the program.
  void expect(HostPid process, std::unique_ptr<kernel::ExecPlan> plan, std::function<void()> done);
  // Forgets an announced process (it died first).
  void forget(HostPid process);

  // Carries out a handler's Reply::Exec or Reply::InGuest, answering the notification.
  void begin_exec(const WaitingCall& call, HostPid process, syscalls::Reply::Exec request);
  void begin_call(const WaitingCall& call, syscalls::Reply::InGuest request);
  // Answers with `terminal`, a descriptor of the guest's, after the guest has tried to make it its controlling terminal.
  void begin_taking_terminal(const WaitingCall& call, int terminal);

  struct Caller {
    HostPid process;
    int pidfd;  // of the calling thread; borrowed
    bool direct_child;
    syscalls::Monitor& monitor;
  };
  // True if the notification was one of the blob's own (a hypercall, or the execveat that begin_exec or expect led to): it is
  // answered then.
  bool handle(const seccomp_notif& notification, const Caller& caller);

 private:
  enum class Stage { executing, closing, taking_terminal, calling };
  // A thread, and the number of the nudge: a signal handler that runs before the thread has come back may be nudged as well.
  using NudgeKey = std::pair<pid_t, uint64_t>;
  struct Nudged {
    Stage stage = Stage::calling;
    uint64_t nudge = 0;
    HostPid process;
    user_regs_struct original{};
    int64_t result = 0;
    bool succeeded = false;                                            // one of the calls has
    syscalls::Reply::InGuest calls{0, {}, Fd(), 0, nullptr, nullptr};  // what is still to be called
    int guest_fd = -1;  // what the guest has for this alone: the loader, or a call's descriptor
    std::unique_ptr<kernel::ExecPlan> plan;
    GuestAddress argv, envp;
  };
  struct Expected {
    std::unique_ptr<kernel::ExecPlan> plan;
    std::function<void()> done;
  };

  // exchange_registers(), by the tracing thread where it has seized the thread. The notification is answered in any case.
  void exchange(const WaitingCall& call, const std::function<void(user_regs_struct&)>& change, ExchangeEnd end);
  void ready(const seccomp_notif& notification);
  // Sends a waiting thread to make a call; `nudged` is what is to become of it then.
  void send(const WaitingCall& call, Nudged nudged, int64_t number, const std::array<uint64_t, 6>& arguments);
  // Sends it to make the first of the calls that are left.
  void send_next(const WaitingCall& call, Nudged nudged);
  void close_in_guest(const WaitingCall& call, Nudged nudged);
  void remember_locked(HostPid thread, Nudged nudged);
  void answer_exec(const WaitingCall& call, HostPid process, syscalls::Reply::Exec request);
  void exec_failed(const seccomp_notif& notification);
  bool may_execute(const seccomp_notif& notification, HostPid process);
  void hello(const seccomp_notif& notification, const Caller& caller);
  std::map<NudgeKey, Nudged>::iterator executing_locked(HostPid thread, int guest_fd);
  std::unique_ptr<kernel::ExecPlan> take_executed_locked(HostPid process);
  void forget_executing_locked(HostPid process, const NudgeKey& key);
  void done(const seccomp_notif& notification, bool direct_child);
  bool newborn(const WaitingCall& call, uint64_t nudge);
  // `fresh`: the process was forked by the monitor.
  Status hand_over(const seccomp_notif& notification, const Caller& caller, kernel::ExecPlan& plan, bool fresh);
  bool runs_the_loader(HostPid process) const;

  // exec_text.cc: rewritten text
  void text(const seccomp_notif& notification, const Caller& caller);
  // `native`: for a guest that may make marked calls. Not rewritten if the guest has no room for a descriptor.
  abi::RewrittenText text_of(const seccomp_notif& notification, const Caller& caller, int file, rewrite::Role role,
                             bool native) const;

  kernel::World& world_;
  const Listener& listener_;
  Tracer& tracer_;
  Loader loader_;
  std::unique_ptr<rewrite::Cache> texts_;
  rewrite::Shortcuts shortcuts_;
  std::mutex mutex_;
  uint64_t last_nudge_ = 0;
  size_t prune_at_ = 1024;
  std::map<NudgeKey, Nudged> nudged_;
  // A clone that a guest was sent to make, by the nudge: the child comes out of it in the blob as well.
  struct Birth {
    user_regs_struct registers;
    bool own_stack, own_tls;
  };
  void expect_child_locked(uint64_t nudge, const Nudged& maker, const std::array<uint64_t, 6>& arguments);
  std::map<uint64_t, Birth> births_;
  std::unordered_map<HostPid, std::set<NudgeKey>> executing_;  // process -> the nudges whose execs the kernel is doing
  std::unordered_map<HostPid, Expected> expected_;             // by process
};

}  // namespace litebox::monitor
