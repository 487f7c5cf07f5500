// The mark by which a container's processes are known even when keeper and monitor are dead.
//
// The upper half of every guest's soft RLIMIT_LOCKS is its container's own random number (shim/kernel/state_table.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace litebox::runtime {

// The number that a process carries; nothing when it carries none or must not be asked.
std::optional<uint32_t> membership_of(pid_t pid);

// The processes of this host that carry it.
std::vector<pid_t> processes_with_membership(uint32_t membership);

}  // namespace litebox::runtime
