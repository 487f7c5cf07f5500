#include "shim/kernel/ptrace_stop.h"

#include <gtest/gtest.h>
#include <sys/ptrace.h>

#include <csignal>

#include "shim/kernel/trace_table.h"

namespace litebox::kernel {
namespace {

constexpr int kStop = 128;  // PTRACE_EVENT_STOP

TEST(PtraceStop, KindsAreToldApart) {
  EXPECT_EQ(kind_of_stop(stop_status(SIGUSR1, 0)), StopKind::signal);
  EXPECT_EQ(kind_of_stop(stop_status(SIGTRAP, 0)), StopKind::signal);
  EXPECT_EQ(kind_of_stop(stop_status(SIGTRAP | 0x80, 0)), StopKind::syscall);
  EXPECT_EQ(kind_of_stop(stop_status(SIGTRAP, PTRACE_EVENT_CLONE)), StopKind::event);
  EXPECT_EQ(kind_of_stop(stop_status(SIGTRAP, kStop)), StopKind::trap);
  EXPECT_EQ(kind_of_stop(stop_status(SIGTSTP, kStop)), StopKind::group);
}

TEST(PtraceStop, SeizedTracersSeeEveryStopAsItIs) {
  for (const int status : {stop_status(SIGSTOP, kStop), stop_status(SIGTRAP, kStop), stop_status(SIGUSR1, 0)}) {
    EXPECT_EQ(visible_status(status, true, PTRACE_O_TRACESYSGOOD, false), status);
  }
}

TEST(PtraceStop, OlderTracersSeeGroupStopsAsSignalsAndNoTraps) {
  EXPECT_EQ(visible_status(stop_status(SIGTTIN, kStop), false, 0, false), stop_status(SIGTTIN, 0));
  EXPECT_EQ(visible_status(stop_status(SIGTRAP, kStop), false, 0, false), std::nullopt);
  EXPECT_EQ(visible_status(stop_status(SIGTRAP, kStop), false, 0, true), stop_status(SIGSTOP, 0));
}

TEST(PtraceStop, SyscallStopsCarryTheirMarkOnRequestOnly) {
  const int marked = stop_status(SIGTRAP | 0x80, 0);
  EXPECT_EQ(visible_status(marked, false, PTRACE_O_TRACESYSGOOD, false), marked);
  EXPECT_EQ(visible_status(marked, true, 0, false), stop_status(SIGTRAP, 0));
}

TEST(PtraceStop, NativeOptionsKeepTheTracersEvents) {
  const uint64_t always = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  EXPECT_EQ(native_options(0), always);
  EXPECT_EQ(native_options(PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT), always | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT);
  EXPECT_EQ(native_options(PTRACE_O_SUSPEND_SECCOMP), always);
}

TEST(TraceTable, KnowsTracersWhileTheyTraceOrAreHeld) {
  TraceTable table;
  const HostPid tracee(10);
  const TracerIds tracer{HostPid(21), HostPid(20)};
  EXPECT_FALSE(table.is_tracer(tracer.process));
  table.add(tracee, tracer);
  table.add(tracee, tracer);
  EXPECT_TRUE(table.is_tracer(tracer.process));
  EXPECT_FALSE(table.is_tracer(tracer.thread));
  EXPECT_EQ(table.tracer_of(tracee)->thread, tracer.thread);
  EXPECT_FALSE(table.tracer_of(HostPid(11)).has_value());
  table.hold(tracer.process);
  table.remove(tracee);
  table.remove(tracee);
  EXPECT_TRUE(table.is_tracer(tracer.process));
  EXPECT_FALSE(table.tracer_of(tracee).has_value());
  table.release(tracer.process);
  EXPECT_FALSE(table.is_tracer(tracer.process));
}

}  // namespace
}  // namespace litebox::kernel
