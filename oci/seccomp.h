// The seccomp profile of config.json ("linux.seccomp").
//
// Source: runtime-spec 1.3, config-linux.md "Seccomp"; seccomp(2); libseccomp's names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace litebox::oci {

enum class SeccompAction {
  kill,          // SCMP_ACT_KILL: the same as kill_thread
  kill_process,  // SCMP_ACT_KILL_PROCESS
  kill_thread,   // SCMP_ACT_KILL_THREAD
  trap,          // SCMP_ACT_TRAP
  error,         // SCMP_ACT_ERRNO
  trace,         // SCMP_ACT_TRACE
  allow,         // SCMP_ACT_ALLOW
  log,           // SCMP_ACT_LOG
  notify,        // SCMP_ACT_NOTIFY
};

enum class SeccompOperator {
  not_equal,         // SCMP_CMP_NE
  less,              // SCMP_CMP_LT
  less_or_equal,     // SCMP_CMP_LE
  equal,             // SCMP_CMP_EQ
  greater_or_equal,  // SCMP_CMP_GE
  greater,           // SCMP_CMP_GT
  masked_equal,      // SCMP_CMP_MASKED_EQ: (argument & value) == value_two
};

struct SeccompArgument {
  uint32_t index = 0;  // 0 to 5
  uint64_t value = 0;
  uint64_t value_two = 0;
  SeccompOperator op = SeccompOperator::equal;
};

struct SeccompRule {
  std::vector<std::string> names;  // at least one; a name that no architecture knows is to be skipped
  SeccompAction action = SeccompAction::allow;
  std::optional<uint32_t> errno_ret;  // absent: EPERM; only with error and trace
  std::vector<SeccompArgument> args;  // all must hold
};

struct Seccomp {
  SeccompAction default_action = SeccompAction::allow;
  std::optional<uint32_t> default_errno_ret;  // absent: EPERM
  std::vector<std::string> architectures;     // "SCMP_ARCH_X86_64", ...; empty: the native one
  std::vector<std::string> flags;             // "SECCOMP_FILTER_FLAG_LOG", ...
  std::string listener_path;                  // empty: none
  std::string listener_metadata;
  std::vector<SeccompRule> syscalls;
};

}  // namespace litebox::oci
