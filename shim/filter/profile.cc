#include "shim/filter/profile.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>

#include "base/fd.h"
#include "shim/filter/program.h"
#include "shim/guest/abi.h"
#include "shim/table/table.h"

namespace litebox::filter {
namespace {

using oci::SeccompAction;
using oci::SeccompOperator;

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

Result<uint32_t> action_of(SeccompAction action, std::optional<uint32_t> errno_ret) {
  const uint32_t error = errno_ret.value_or(EPERM);
  switch (action) {
    case SeccompAction::kill:
    case SeccompAction::kill_thread:
      return uint32_t{SCMP_ACT_KILL_THREAD};
    case SeccompAction::kill_process:
      return uint32_t{SCMP_ACT_KILL_PROCESS};
    case SeccompAction::trap:
      return uint32_t{SCMP_ACT_TRAP};
    case SeccompAction::error:
      return uint32_t{SCMP_ACT_ERRNO(error)};
    case SeccompAction::trace:
      return uint32_t{SCMP_ACT_TRACE(error)};
    case SeccompAction::allow:
      return uint32_t{SCMP_ACT_ALLOW};
    case SeccompAction::log:
      return uint32_t{SCMP_ACT_LOG};
    case SeccompAction::notify:
      break;
  }
  return Error(ENOTSUP, "linux.seccomp: SCMP_ACT_NOTIFY");
}

scmp_compare operator_of(SeccompOperator op) {
  switch (op) {
    case SeccompOperator::not_equal:
      return SCMP_CMP_NE;
    case SeccompOperator::less:
      return SCMP_CMP_LT;
    case SeccompOperator::less_or_equal:
      return SCMP_CMP_LE;
    case SeccompOperator::equal:
      return SCMP_CMP_EQ;
    case SeccompOperator::greater_or_equal:
      return SCMP_CMP_GE;
    case SeccompOperator::greater:
      return SCMP_CMP_GT;
    case SeccompOperator::masked_equal:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

Status status_of(int result, const std::string& what) {
  return result < 0 ? Status(Error(-result, "linux.seccomp: " + what)) : Status();
}

Status add_rule(scmp_filter_ctx context, uint32_t action, int number, const oci::SeccompRule& rule, const std::string& name) {
  std::vector<scmp_arg_cmp> comparisons;
  std::array<unsigned, 6> uses{};
  for (const oci::SeccompArgument& argument : rule.args) {
    if (argument.index >= uses.size()) return Error(EINVAL, "linux.seccomp: " + name + ": argument index");
    ++uses[argument.index];
    comparisons.push_back({argument.index, operator_of(argument.op), argument.value, argument.value_two});
  }
  const auto add = [&](const scmp_arg_cmp* first, size_t count) -> Status {
    const int result = seccomp_rule_add_array(context, action, number, static_cast<unsigned>(count), first);
    return result == -EEXIST ? Status() : status_of(result, name);
  };
  // libseccomp takes one comparison for each argument. Several of one argument are alternatives then (as in runc and crun).
  if (std::all_of(uses.begin(), uses.end(), [](unsigned count) { return count <= 1; })) {
    return add(comparisons.data(), comparisons.size());
  }
  for (const scmp_arg_cmp& comparison : comparisons) LITEBOX_TRY(add(&comparison, 1));
  return {};
}

// libseccomp writes programs to descriptors only.
Result<std::vector<sock_filter>> program_of(scmp_filter_ctx context) {
  const Fd file(memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return last_error("memfd_create");
  LITEBOX_TRY(status_of(seccomp_export_bpf(context, file.get()), "cannot be compiled"));
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return last_error("fstat");
  std::vector<sock_filter> program(static_cast<size_t>(status.st_size) / sizeof(sock_filter));
  const size_t bytes = program.size() * sizeof(sock_filter);
  if (pread(file.get(), program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) return Error(EIO, "linux.seccomp");
  return program;
}

// Whether the default action would hurt a program that probes for a call younger than the profile.
bool refuses_by_default(const oci::Seccomp& profile) {
  switch (profile.default_action) {
    case SeccompAction::allow:
    case SeccompAction::log:
    case SeccompAction::trace:
    case SeccompAction::notify:
      return false;
    default:
      return true;
  }
}

std::vector<sock_filter> with_exemptions(const std::vector<sock_filter>& rest, std::optional<uint32_t> highest) {
  Program program(rest);
  const Program::Label judged = program.size() - 1;
  const Program::Label exempt = program.result(SECCOMP_RET_ALLOW);
  Program::Label next = judged;
  if (highest.has_value()) next = program.branch_at_least(*highest + 1, program.result(SECCOMP_RET_ERRNO | ENOSYS), judged);

  constexpr size_t kArguments = offsetof(seccomp_data, args);
  const auto low = [](unsigned argument) { return kArguments + argument * sizeof(uint64_t); };
  Program::Label loader = program.branch_equal(AT_EMPTY_PATH, exempt, judged);
  loader = program.load(low(4), loader);
  loader = program.branch_equal(static_cast<uint32_t>(abi::kEmptyString >> 32), loader, judged);
  loader = program.load(low(1) + sizeof(uint32_t), loader);
  loader = program.branch_equal(static_cast<uint32_t>(abi::kEmptyString), loader, judged);
  loader = program.load(low(1), loader);

  next = program.branch_equal(SYS_execveat, loader, next);
  for (const table::Hypercall& hypercall : table::hypercalls()) {
    next = program.branch_equal(static_cast<uint32_t>(hypercall.number), exempt, next);
  }
  return program.finish(program.load(offsetof(seccomp_data, nr), next));
}

}  // namespace

Result<std::vector<sock_filter>> compile_profile(const oci::Seccomp& profile) {
  LITEBOX_ASSIGN(const uint32_t default_action, action_of(profile.default_action, profile.default_errno_ret));
  const Context context(seccomp_init(default_action));
  if (!context) return Error(EINVAL, "linux.seccomp: defaultAction");
  LITEBOX_TRY(status_of(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "architecture"));
  // A binary tree over the numbers; without it the program is longer to run, not another one.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);

  std::optional<uint32_t> highest;
  for (const oci::SeccompRule& rule : profile.syscalls) {
    LITEBOX_ASSIGN(const uint32_t action, action_of(rule.action, rule.errno_ret));
    for (const std::string& name : rule.names) {
      const table::Entry* entry = table::find(name);
      if (entry == nullptr) continue;
      const auto number = static_cast<uint32_t>(entry->number);
      highest = std::max(highest.value_or(0), number);
      // libseccomp refuses a rule that does what happens anyway.
      if (action == default_action) continue;
      LITEBOX_TRY(add_rule(context.get(), action, static_cast<int>(number), rule, name));
    }
  }
  LITEBOX_ASSIGN(std::vector<sock_filter> program, program_of(context.get()));
  if (program.empty()) return Error(EINVAL, "linux.seccomp");
  program = with_exemptions(program, refuses_by_default(profile) ? highest : std::nullopt);
  if (program.size() > BPF_MAXINSNS) return Error(E2BIG, "linux.seccomp");
  return program;
}

Result<std::vector<sock_filter>> combine(std::vector<sock_filter> profile, const std::vector<sock_filter>& container) {
  if (profile.size() + container.size() > BPF_MAXINSNS) return Error(E2BIG, "linux.seccomp: with the container's own filter");
  for (size_t at = 0; at < profile.size(); ++at) {
    if (profile[at].code != (BPF_RET | BPF_K)) continue;
    const uint32_t action = profile[at].k & SECCOMP_RET_ACTION_FULL;
    if (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG) {
      profile[at] = BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(profile.size() - at - 1));
    } else if (action == SECCOMP_RET_TRACE) {
      profile[at].k = SECCOMP_RET_ERRNO | ENOSYS;
    }
  }
  profile.insert(profile.end(), container.begin(), container.end());
  return profile;
}

}  // namespace litebox::filter
