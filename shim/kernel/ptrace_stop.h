// What a tracer is shown when its tracee stops.
//
// To the kernel every tracee was seized (PTRACE_SEIZE) with PTRACE_O_TRACESYSGOOD and PTRACE_O_TRACEEXEC; its tracer inside
// may have attached in the older way and without these options. The translation is that of kernel/ptrace.c, kernel/signal.c
// and ptrace(2), "Stopped states".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace litebox::kernel {

// Every PTRACE_O_* option of <linux/ptrace.h> (PTRACE_O_MASK).
inline constexpr uint64_t kPtraceOptions = 0xff | 1U << 20U | 1U << 21U;

// What a wait status of a real tracee says.
enum class StopKind {
  signal,   // a signal is about to be delivered
  group,    // the process is stopped (PTRACE_EVENT_STOP with the stopping signal)
  trap,     // PTRACE_EVENT_STOP with SIGTRAP: an interrupt, a new thread, or the end of a group stop
  syscall,  // entry or exit
  event,    // PTRACE_EVENT_FORK and the like
};
StopKind kind_of_stop(int status);

// The status that waitpid(2) shows for a stop with this signal and PTRACE_EVENT_* (0: none).
constexpr int stop_status(int signal, int event) { return (event << 8 | signal) << 8 | 0x7f; }

// The status that the tracer is to see; nothing when it must not see the stop at all. `newborn`: the first stop of a thread
// that is traced because the one that made it is.
std::optional<int> visible_status(int status, bool seized, uint64_t options, bool newborn);

// The options under which the kernel has the tracee when its tracer asked for `options`.
uint64_t native_options(uint64_t options);

}  // namespace litebox::kernel
