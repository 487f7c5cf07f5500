// ptrace(2) among guests.
//
// The monitor itself must be able to stop any guest (nudge.h), and a thread has one tracer only. So to the kernel one thread of
// the monitor, the tracing thread, is the tracer of every traced guest (PTRACE_SEIZE). It carries the requests of the tracers
// inside out, keeps the stops of their tracees for them, answers their waits, and hides what a tracee does for the monitor:
// nudged calls, and the loader. Sources: ptrace(2), kernel/ptrace.c, kernel/signal.c, kernel/exit.c.
//
// Being the one tracer, it also is what stops all guests where there is no cgroup to freeze (tracer_pause.cc).
//
// Known differences: SIGCHLD of a stop carries SI_QUEUE in place of CLD_TRAPPED, and is sent even where the tracer has asked
// for none with SA_NOCLDSTOP, which cannot be seen from outside.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/kernel/world.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/nudge.h"
#include "shim/monitor/tracee.h"
#include "shim/syscalls/call.h"

namespace litebox::monitor {

class Tracer {
 public:
  Tracer(kernel::World& world, const Listener& listener);

  // ptrace(2), wait4(2) or waitid(2): answered from the tracing thread.
  void submit(const syscalls::Call& call);
  // exchange_registers() for a thread that the tracing thread has seized. The notification is answered in any case.
  void exchange(const WaitingCall& call, std::function<void(user_regs_struct&)> change, ExchangeEnd end);
  // interrupt_call() for such a thread.
  void interrupt(const WaitingCall& call, int64_t answer) { post(Interruption{call, answer}); }
  // Has the signals of init, which is about to run its program, looked at before they are delivered: from the moment that the
  // answer is there on.
  std::future<Status> guard_signals_of_init();

  // Stops every thread of every guest, of which guests see nothing then or later. `done` is called from the tracing thread:
  // all stand still, or all go on since one would not stop. ECANCELED: resume() came before that.
  void pause(std::function<void(Status)> done) { post(Pause{std::move(done)}); }
  // Lets all go on; nothing happens without a pause. Returns when it is done.
  void resume();
  // Of a process that the monitor has made: it is none of the guests until it executes.
  void expect(HostPid process);
  void forget_expected(HostPid process);
  // Lets the native exec of `thread` go on that waits in a notification: now, or after the pause. What becomes of it is to be
  // said by executed() or exec_failed().
  void let_execute(HostPid process, HostPid thread, uint64_t notification_id);
  void executed(HostPid process);
  void exec_failed(HostPid thread);

  // The wait status of a traced child of this process that the tracing thread has reaped; once.
  std::optional<int> reaped_status(HostPid child);

 private:
  using Clock = std::chrono::steady_clock;
  // A call that waits for its answer.
  struct Request {
    uint64_t id = 0;
    HostPid thread, process;
    int64_t number = 0;
    std::array<uint64_t, 6> arguments{};
    kernel::ProcessStatePtr state;
    int attempts = 0;
    // A wait without an answer yet.
    Clock::time_point next_check;
    Clock::duration interval{};

    uint64_t raw(size_t index) const { return arguments[index]; }
    int integer(size_t index) const { return static_cast<int>(arguments[index]); }
    GuestAddress address(size_t index) const { return GuestAddress(arguments[index]); }
    kernel::GuestMemory memory() const { return kernel::GuestMemory(thread); }
  };
  struct Exchange {
    HostPid thread;
    PendingExchange pending;
  };
  struct Interruption {
    WaitingCall call;
    int64_t answer;
  };
  struct Guard {
    std::promise<Status> done;
  };
  struct Pause {
    std::function<void(Status)> done;
  };
  struct Resume {
    std::promise<void> done;
  };
  struct Execution {
    HostPid process, thread;
    uint64_t notification_id;
  };
  using Job = std::variant<Request, Exchange, Interruption, Guard, Pause, Resume, Execution>;
  // The end of a tracee that its tracer has to collect.
  struct Ended {
    HostPid thread, process;
    pid_t group;
    HostPid tracer_process;
    int status;
    rusage usage;
  };
  // What a wait asks for.
  struct Selection {
    enum class By { any, thread, group } by = By::any;
    pid_t id = 0;
    unsigned options = 0;
    bool ends = true;   // WEXITED
    bool valid = true;  // else the kernel is to refuse it
  };

  // tracer.cc: the thread
  void post(Job job);
  void run();
  void take_jobs();
  void carry_out(Job& job);
  void take_events();
  void on_event(HostPid thread, int status, const rusage& usage);
  int timeout() const;
  Tracee* find(HostPid thread);
  void answer(const Request& request, int64_t value) const { (void)listener_.answer(request.id, value); }

  // tracer_stops.cc: what tracees do
  void on_stop(Tracee& tracee, int status, const rusage& usage);
  bool on_hidden_stop(Tracee& tracee, int status);
  bool leave_blob(Tracee& tracee, int status);
  void on_exec(Tracee& tracee);
  Tracee* renamed(HostPid leader, int status);
  void on_end(HostPid thread, int status, const rusage& usage);
  void adopt_child(Tracee& parent);
  void report(Tracee& tracee, TraceStop stop);
  void let_go(Tracee& tracee, int request, int signal);
  void detach(Tracee& tracee, int signal);
  void forget(HostPid thread);

  // tracer_nudge.cc: what tracees do for the monitor
  void start_exchange(Exchange& exchange);
  void start_interruption(const Interruption& interruption);
  bool finish_exchange(Tracee& tracee, int status);
  void hide(Tracee& tracee);
  void requeue(const Tracee& tracee, int signal) const;
  void come_back(Tracee& tracee, ExchangeEnd end);
  bool kick(HostPid thread);
  void add_kicked(HostPid thread);
  void rename_kicked(HostPid leader);
  void on_kicked(HostPid thread, int status);

  // tracer_pause.cc: all guests stand still
  void begin_pause(std::function<void(Status)> done);
  void sweep();
  bool stop_process(HostPid process);
  bool stop_thread(HostPid thread, bool may_seize);
  bool interrupt_for_pause(HostPid thread);
  bool is_executing(HostPid process, const std::vector<HostPid>& threads);
  bool hold(HostPid thread, int status, const rusage& usage);
  void end_pause(Status outcome);

  // tracer_guard.cc: init's threads
  Status guard_init();
  Status guard(HostPid thread);
  void add_guarded(HostPid thread);
  void lift_guard(Tracee& tracee);
  void on_guarded_stop(Tracee& tracee, int status);
  void on_guarded_clone(const Tracee& parent);
  int delivered_to_init(HostPid thread, int signal) const;
  void repeat_unreceived_call(Tracee& tracee, int signal);

  // tracer_attach.cc: who traces whom
  void trace_me(Request& request);
  void attach(Request& request, bool seize);
  int may_trace(const Request& request, HostPid thread, HostPid process) const;
  bool watch_tracer(kernel::TracerIds tracer);
  void take_ended_tracers();
  void abandon(Tracee& tracee);
  void wake_waiting_threads(HostPid process);

  // tracer_requests.cc
  void on_ptrace(Request& request);
  int64_t carry_out(Request& request, Tracee& tracee);
  int64_t resume(Tracee& tracee, int request, uint64_t data);
  int64_t set_options(Tracee& tracee, uint64_t options);

  // tracer_registers.cc: requests that move data
  int64_t transfer(const Request& request, Tracee& tracee);

  // tracer_waits.cc
  void on_wait(Request& request);
  bool try_wait(Request& request);
  Selection selection_of(const Request& request) const;
  bool answer_with(const Request& request, const Selection& selection, HostPid thread, int status, const rusage& usage) const;
  void serve_waits(HostPid tracer_process);
  void check_waits();

  kernel::World& world_;
  const Listener& listener_;
  Fd wake_;

  std::mutex mutex_;
  bool started_ = false;
  std::deque<Job> jobs_;
  std::unordered_map<HostPid, int> reaped_;
  bool holding_ = false;                            // no exec may begin
  std::unordered_set<HostPid> expected_;            // processes that have not executed anything yet
  std::unordered_map<HostPid, HostPid> executing_;  // threads in a native exec, and their processes

  // Only the tracing thread's:
  Fd child_signals_;  // signalfd of SIGCHLD
  std::map<HostPid, Tracee> tracees_;
  struct Event {
    int status;
    rusage usage;
  };
  std::map<HostPid, Event> unclaimed_;  // newborn threads whose maker has not reported them yet
  // Threads seized only to stop once, and to be let go then: to come back with their waits, or for a pause. A register exchange
  // may have to be done on the way.
  struct Kicked {
    std::optional<PendingExchange> exchange;
    Fd pidfd;  // of a child of this process, whose end is reaped elsewhere
  };
  std::map<HostPid, Kicked> kicked_;
  // From the moment that a pause is asked for to its end.
  struct Standstill {
    std::function<void(Status)> done;  // none: everything stands still
    Clock::time_point deadline, next_sweep;
    int quiet_sweeps = 0;                              // in a row, in which nothing was found that still moves
    std::vector<HostPid> members;                      // that the last one found
    std::map<HostPid, Clock::time_point> interrupted;  // threads, and since when
    std::map<HostPid, Event> held;                     // stops that are looked at when it is over
    std::deque<Job> deferred;                          // and what guests and other parts of the monitor want
    std::string obstacle;                              // why the last sweep was not quiet
  };
  std::optional<Standstill> standstill_;
  uint64_t next_stop_ = 1;
  struct Watched {
    kernel::TracerIds ids;
    Fd pidfd;          // of the tracer's thread
    Fd process_pidfd;  // where SIGCHLD goes
  };
  std::map<HostPid, Watched> tracers_;  // by thread
  std::list<Ended> ended_;
  std::list<Request> waits_;                        // answered when something happens
  std::unordered_map<HostPid, HostPid> continued_;  // threads that were let into a wait of the kernel's, and their processes
  std::deque<Request> retries_;
  bool guarding_ = false;
};

}  // namespace litebox::monitor
