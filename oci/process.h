// The OCI Process object: config.json's "process" and the stand-alone file of `exec --process`.
//
// Source: runtime-spec 1.3, config.md "Process". An std::optional is empty where the specification gives "absent" a meaning
// of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace litebox::oci {

// Of the console, in characters.
struct ConsoleSize {
  uint32_t height = 0;
  uint32_t width = 0;
};

// Ids inside the container. (uid_t)-1 and (gid_t)-1 never occur: Linux means "unchanged" by them.
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> additional_gids;
  std::optional<mode_t> umask;  // absent: 0022, as runc sets
};

struct ResourceLimit {
  std::string type;   // "RLIMIT_NOFILE"
  int resource = 0;   // the RLIMIT_* number of `type`
  uint64_t soft = 0;  // UINT64_MAX is RLIM_INFINITY
  uint64_t hard = 0;
};

// One capability set: the names as written, and those that are known as bits (1 << CAP_*).
struct CapabilitySet {
  std::vector<std::string> names;
  uint64_t mask = 0;
};

// An absent set is empty. An absent Capabilities object is five empty sets.
struct Capabilities {
  std::optional<CapabilitySet> effective;
  std::optional<CapabilitySet> bounding;
  std::optional<CapabilitySet> inheritable;
  std::optional<CapabilitySet> permitted;
  std::optional<CapabilitySet> ambient;
};

// sched_setattr(2).
struct Scheduler {
  std::string policy;              // "SCHED_OTHER", ...
  uint32_t policy_number = 0;      // SCHED_* of `policy`
  std::optional<int32_t> nice;     // SCHED_OTHER and SCHED_BATCH
  int32_t priority = 0;            // SCHED_FIFO and SCHED_RR
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK", ...
  uint64_t flag_bits = 0;          // SCHED_FLAG_* of `flags`
  uint64_t runtime = 0;            // SCHED_DEADLINE, nanoseconds
  uint64_t deadline = 0;
  uint64_t period = 0;
};

// ioprio_set(2).
struct IoPriority {
  std::string class_name;  // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE" or "IOPRIO_CLASS_IDLE"
  uint32_t class_number = 0;
  int32_t priority = 0;  // 0 to 7
};

// The processors of a process made by exec: lists as cpuset(7) writes them ("0-3,7").
struct ExecCpuAffinity {
  std::optional<std::string> initial;  // before it is moved into the cgroup
  std::optional<std::string> final;    // afterwards
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args;  // at least one
  std::vector<std::string> env;   // "NAME=value"
  std::string cwd;                // absolute, inside the container
  std::vector<ResourceLimit> rlimits;
  std::optional<Capabilities> capabilities;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;  // empty: none
  std::string selinux_label;     // empty: none
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<ExecCpuAffinity> exec_cpu_affinity;
};

}  // namespace litebox::oci
