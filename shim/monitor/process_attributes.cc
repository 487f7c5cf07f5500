#include "shim/monitor/process_attributes.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "base/fd.h"
#include "base/io_priority.h"
#include "shim/monitor/confinement.h"

namespace litebox::monitor {
namespace {

// struct sched_attr of linux/sched/types.h, which does not go together with glibc's sched.h.
struct SchedulerAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

// Where the kernel would put a guest's core dump (core(5)): a program of the host that it starts, or, without Landlock, a file
// of the host. Neither may be, and a limit of 1 byte is the one that keeps both from happening.
bool core_dumps_leave() {
  if (landlock_abi() <= 0) return true;
  const Fd file(::open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC));
  char first = 0;
  return file && ::read(file.get(), &first, 1) == 1 && first == '|';
}

Status set_limits(pid_t process, const std::vector<oci::ResourceLimit>& limits) {
  for (const oci::ResourceLimit& limit : limits) {
    const rlimit value{limit.soft, limit.hard};
    if (::prlimit(process, static_cast<__rlimit_resource>(limit.resource), &value, nullptr) != 0) {
      return last_error("process.rlimits: " + limit.type);
    }
  }
  if (core_dumps_leave()) {
    const rlimit none{1, 1};
    if (::prlimit(process, RLIMIT_CORE, &none, nullptr) != 0) return last_error("RLIMIT_CORE");
  }
  return {};
}

Status set_oom_score(pid_t process, int score) {
  const Fd file(::open(("/proc/" + std::to_string(process) + "/oom_score_adj").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(score);
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) return last_error("process.oomScoreAdj");
  return {};
}

Status set_scheduler(pid_t process, const oci::Scheduler& scheduler) {
  SchedulerAttributes attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = scheduler.policy_number;
  attributes.flags = scheduler.flag_bits;
  attributes.nice = scheduler.nice.value_or(0);
  attributes.priority = static_cast<uint32_t>(scheduler.priority);
  attributes.runtime = scheduler.runtime;
  attributes.deadline = scheduler.deadline;
  attributes.period = scheduler.period;
  if (::syscall(SYS_sched_setattr, process, &attributes, 0) != 0) return last_error("process.scheduler");
  return {};
}

Status set_io_priority(pid_t process, const oci::IoPriority& priority) {
  const int value = IOPRIO_PRIO_VALUE(static_cast<int>(priority.class_number), priority.priority);
  if (::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, process, value) != 0) return last_error("process.ioPriority");
  return {};
}

}  // namespace

Status set_attributes(HostPid process, const oci::Process& from) {
  LITEBOX_TRY(set_limits(process.value(), from.rlimits));
  if (from.oom_score_adj) LITEBOX_TRY(set_oom_score(process.value(), *from.oom_score_adj));
  if (from.scheduler) LITEBOX_TRY(set_scheduler(process.value(), *from.scheduler));
  if (from.io_priority) LITEBOX_TRY(set_io_priority(process.value(), *from.io_priority));
  return {};
}

Status set_processors(HostPid process, const std::string& list, const std::string& field) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    unsigned first = 0;
    auto parsed = std::from_chars(at, end, first);
    unsigned last = first;
    if (parsed.ec == std::errc() && parsed.ptr < end && *parsed.ptr == '-') parsed = std::from_chars(parsed.ptr + 1, end, last);
    const bool ends = parsed.ptr == end || *parsed.ptr == ',';
    if (parsed.ec != std::errc() || !ends || last < first || last >= CPU_SETSIZE) return Error(field + ": " + list);
    for (unsigned processor = first; processor <= last; ++processor) CPU_SET(processor, &set);
    at = parsed.ptr + 1;
  }
  if (::sched_setaffinity(process.value(), sizeof set, &set) != 0) return last_error(field);
  return {};
}

}  // namespace litebox::monitor
