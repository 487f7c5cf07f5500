#include "oci/process_reader.h"

#include <linux/sched.h>

#include <set>

#include "base/io_priority.h"
#include "oci/capabilities.h"
#include "oci/json_document.h"
#include "oci/rlimits.h"

namespace litebox::oci {
namespace {

constexpr uint32_t kLargestId = UINT32_MAX - 1;  // (uid_t)-1 means "unchanged" to the kernel
constexpr size_t kMostGroups = 65536;            // NGROUPS_MAX
constexpr uint32_t kIsoPolicy = 4;               // SCHED_ISO: a number the kernel has reserved and never used

constexpr std::pair<std::string_view, uint32_t> kPolicies[] = {
    {"SCHED_OTHER", SCHED_NORMAL},     {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},      {"SCHED_ISO", kIsoPolicy},  {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE}};

constexpr std::pair<std::string_view, uint64_t> kSchedulerFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},  {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},        {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},      {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}};

constexpr std::pair<std::string_view, uint32_t> kIoClasses[] = {
    {"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT}, {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE}, {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE}};

User read_user(const Value& value) {
  User user;
  if (!value.present()) return user;
  user.uid = value["uid"].required().integer<uint32_t>(0, kLargestId);
  user.gid = value["gid"].required().integer<uint32_t>(0, kLargestId);
  user.umask = value["umask"].optional_integer<uint32_t>(0, 0777);
  const Value groups = value["additionalGids"];
  for (const Value& group : groups.items()) user.additional_gids.push_back(group.integer<uint32_t>(0, kLargestId));
  if (user.additional_gids.size() > kMostGroups) groups.complain("more than 65536 groups");
  return user;
}

std::vector<ResourceLimit> read_rlimits(const Value& value) {
  std::vector<ResourceLimit> limits;
  std::set<std::string> seen;
  for (const Value& item : value.items()) {
    ResourceLimit limit;
    const Value type = item["type"];
    limit.type = type.required().text();
    if (const auto number = rlimit_number(limit.type)) {
      limit.resource = *number;
    } else {
      complain_unknown(type, "resource limit", limit.type);
    }
    if (!seen.insert(limit.type).second) type.complain(quoted(limit.type) + " is given twice");
    limit.soft = item["soft"].required().integer<uint64_t>();
    limit.hard = item["hard"].required().integer<uint64_t>();
    if (limit.soft > limit.hard) item["soft"].complain("above the hard limit");
    limits.push_back(std::move(limit));
  }
  return limits;
}

std::optional<CapabilitySet> read_capability_set(const Value& value) {
  if (!value.present()) return std::nullopt;
  CapabilitySet set;
  set.names = value.texts();
  for (const std::string& name : set.names) {
    if (const auto number = capability_number(name)) set.mask |= uint64_t{1} << static_cast<unsigned>(*number);
  }
  return set;
}

std::optional<Capabilities> read_capabilities(const Value& value) {
  if (!value.present()) return std::nullopt;
  Capabilities result;
  result.effective = read_capability_set(value["effective"]);
  result.bounding = read_capability_set(value["bounding"]);
  result.inheritable = read_capability_set(value["inheritable"]);
  result.permitted = read_capability_set(value["permitted"]);
  result.ambient = read_capability_set(value["ambient"]);
  return result;
}

// The bounds are sched_setattr(2)'s, so that what passes here the kernel takes.
std::optional<Scheduler> read_scheduler(const Value& value) {
  if (!value.present()) return std::nullopt;
  Scheduler scheduler;
  const Value policy = value["policy"];
  scheduler.policy = policy.required().text();
  scheduler.policy_number = one_of(policy, kPolicies, "scheduling policy");
  const bool realtime = scheduler.policy_number == SCHED_FIFO || scheduler.policy_number == SCHED_RR;
  const bool deadline = scheduler.policy_number == SCHED_DEADLINE;

  scheduler.nice = value["nice"].optional_integer<int32_t>(-20, 19);
  scheduler.priority = value["priority"].integer<int32_t>(0, 99);
  if (realtime && scheduler.priority == 0) value["priority"].complain("must be from 1 to 99 for " + scheduler.policy);
  if (!realtime && scheduler.priority != 0) value["priority"].complain("only for SCHED_FIFO and SCHED_RR");

  for (const Value& flag : value["flags"].items()) {
    scheduler.flags.push_back(flag.text());
    scheduler.flag_bits |= one_of(flag, kSchedulerFlags, "scheduler flag");
  }
  const auto time = [&](std::string_view name) {
    const auto number = value[name].integer<uint64_t>(0, INT64_MAX);
    if (number != 0 && !deadline) value[name].complain("only for SCHED_DEADLINE");
    return number;
  };
  scheduler.runtime = time("runtime");
  scheduler.deadline = time("deadline");
  scheduler.period = time("period");
  if (deadline && (scheduler.runtime == 0 || scheduler.runtime > scheduler.deadline)) {
    value["runtime"].complain("must be above 0 and not above the deadline");
  }
  if (deadline && scheduler.period != 0 && scheduler.deadline > scheduler.period) {
    value["deadline"].complain("must not be above the period");
  }
  return scheduler;
}

std::optional<IoPriority> read_io_priority(const Value& value) {
  if (!value.present()) return std::nullopt;
  IoPriority priority;
  const Value class_value = value["class"];
  priority.class_name = class_value.required().text();
  priority.class_number = one_of(class_value, kIoClasses, "I/O priority class");
  priority.priority = value["priority"].required().integer<int32_t>(0, 7);
  return priority;
}

std::optional<ExecCpuAffinity> read_affinity(const Value& value) {
  if (!value.present()) return std::nullopt;
  ExecCpuAffinity affinity;
  if (value["initial"].present()) affinity.initial = number_list(value["initial"]);
  if (value["final"].present()) affinity.final = number_list(value["final"]);
  return affinity;
}

}  // namespace

Process read_process(const Value& value) {
  Process process;
  process.terminal = value["terminal"].boolean();
  // "Runtimes MUST ignore consoleSize if terminal is false or unset."
  if (const Value size = value["consoleSize"]; process.terminal && size.present()) {
    process.console_size = ConsoleSize{size["height"].required().integer<uint32_t>(0, UINT16_MAX),
                                       size["width"].required().integer<uint32_t>(0, UINT16_MAX)};
  }
  process.user = read_user(value["user"]);
  const Value args = value["args"];
  process.args = args.required().texts();
  if (process.args.empty()) args.complain("must not be empty");
  process.env = environment(value["env"]);
  process.cwd = absolute_path(value["cwd"].required());
  process.rlimits = read_rlimits(value["rlimits"]);
  process.capabilities = read_capabilities(value["capabilities"]);
  process.no_new_privileges = value["noNewPrivileges"].boolean();
  process.oom_score_adj = value["oomScoreAdj"].optional_integer<int>(-1000, 1000);
  process.apparmor_profile = value["apparmorProfile"].text();
  process.selinux_label = value["selinuxLabel"].text();
  process.scheduler = read_scheduler(value["scheduler"]);
  process.io_priority = read_io_priority(value["ioPriority"]);
  process.exec_cpu_affinity = read_affinity(value["execCPUAffinity"]);
  return process;
}

}  // namespace litebox::oci
