#include "runtime/membership.h"

#include <sys/resource.h>

#include "runtime/process_identity.h"

namespace litebox::runtime {

std::optional<uint32_t> membership_of(pid_t pid) {
  rlimit limit{};
  if (prlimit(pid, RLIMIT_LOCKS, nullptr, &limit) != 0) return std::nullopt;
  const auto upper = static_cast<uint32_t>(limit.rlim_cur >> 32U);
  if (upper == 0 || upper == UINT32_MAX) return std::nullopt;
  return upper;
}

std::vector<pid_t> processes_with_membership(uint32_t membership) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    if (membership_of(pid) == membership) found.push_back(pid);
  }
  return found;
}

}  // namespace litebox::runtime
