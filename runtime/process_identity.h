// Host processes seen from outside: a pid with its start time, and who descends from whom.
//
// A pid alone is reused; with the start time of proc(5) (field 22, clock ticks after boot) it names one process for ever.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace litebox::runtime {

// /proc/<pid>/stat, the fields that are used here.
struct ProcessStat {
  char state = 0;
  pid_t parent = 0;
  unsigned flags = 0;    // PF_* of linux/sched.h
  uint64_t pending = 0;  // signals sent to its first thread; bit n - 1 stands for signal n
  uint64_t start_time = 0;
};

// ESRCH when there is no such process.
Result<ProcessStat> read_process_stat(pid_t pid);

struct ProcessIdentity {
  pid_t pid = 0;  // 0: none
  uint64_t start_time = 0;
  bool operator==(const ProcessIdentity&) const = default;
};

Result<ProcessIdentity> identify(pid_t pid);

// True while that very process exists and is not a zombie: one that waits to be reaped has ended.
bool is_running(const ProcessIdentity& process);

// kill(2) that cannot hit another process with the same pid. ESRCH when it is gone.
Status signal_process(const ProcessIdentity& process, int signal);

// Waits until is_running() is false; false when `milliseconds` have passed first.
bool wait_until_gone(const ProcessIdentity& process, int milliseconds);

// Of a process in a frozen cgroup: whether it was killed before it was frozen, or while it is.
bool ends_when_thawed(const ProcessStat& stat);

// Every process whose chain of parents leads to `ancestor`, zombies left out.
std::vector<ProcessIdentity> descendants(pid_t ancestor);

// Every process of the host that the caller may see.
std::vector<pid_t> all_processes();

}  // namespace litebox::runtime
