// One guest thread that another guest traces, as the monitor's tracing thread knows it (tracer.h).
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "shim/kernel/trace_table.h"

namespace litebox::monitor {

// A stop as the tracer inside sees it.
struct TraceStop {
  int status = 0;          // of wait(2)
  bool collected = false;  // a wait has returned it
  uint64_t sequence = 0;   // stops are collected in this order
  rusage usage{};
  // The kernel has the thread in another kind of stop than the tracer is told, and the rest is made up.
  bool emulated = false;
  bool syscall_exit = false;      // what the tracer is told: the exit of a call with `result`
  int64_t result = 0;             // of a syscall_exit
  unsigned long message = 0;      // PTRACE_GETEVENTMSG
  bool syscall_exit_due = false;  // PTRACE_SYSCALL from here leads to the exit of execve
  bool exec_signal_due = false;   // and going on from here to the SIGTRAP that follows an exec
};

// How a register exchange ends (shim/monitor/nudge.h): whether the thread goes on being busy for the monitor.
enum class ExchangeEnd {
  goes_on,   // the blob calls again
  returned,  // the thread is back where it was, with its call's result
  executed,  // a new program begins
};

// A register exchange that waits for its thread to stop.
struct PendingExchange {
  uint64_t notification_id = 0;
  uint64_t instruction_pointer = 0;
  std::function<void(user_regs_struct&)> change;
  ExchangeEnd end = ExchangeEnd::goes_on;
};

struct Tracee {
  HostPid thread;
  HostPid process;
  kernel::TracerIds tracer;
  bool any_tracer_thread = false;  // PTRACE_TRACEME: which of the parent's threads is meant cannot be seen from outside
  bool seized = false;             // by PTRACE_SEIZE
  uint64_t options = 0;            // as the tracer set them
  bool native_child = false;       // of the tracer: the kernel itself reports its end
  bool monitor_child = false;      // of this process: its end is reaped elsewhere
  Fd pidfd;                        // where monitor_child

  bool stopped = false;  // the tracer may make requests
  TraceStop stop;
  int resumed_with = PTRACE_CONT;  // the request that let it go
  bool newborn = false;            // its first stop has not come yet
  bool attach_stop_due = false;    // PTRACE_ATTACH's SIGSTOP
  bool exec_signal_due = false;    // the SIGTRAP that follows an exec is on its way
  int pass_signal = 0;             // a signal that the tracer has already decided to deliver
  bool abandoned = false;          // its tracer has ended: to be let go at the next stop
  bool guarded = false;            // of init, and traced by nobody inside (tracer_guard.cc)
  bool call_interrupted = false;   // by the monitor, for the signal that comes next
  bool interrupt_asked = false;    // by its tracer
  bool swallow_trap = false;       // an interrupt that is not its tracer's is on its way

  // While the thread is busy for the monitor (a nudge, the loader), nothing of it shows.
  bool hidden = false;
  bool executed = false;  // the loader runs
  bool leaving = false;   // it was attached in the loader: it goes on step by step until that is over
  HostPid former;         // the id that the thread had before it executed
  uint64_t signal_mask = 0;
  bool interrupt_due = false;  // PTRACE_INTERRUPT has come meanwhile
  int64_t call_number = -1;    // of the call during which it became hidden
  std::vector<int> deferred_signals;
  std::optional<PendingExchange> exchange;
};

}  // namespace litebox::monitor
