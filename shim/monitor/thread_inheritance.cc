#include "shim/monitor/thread_inheritance.h"

#include <linux/mempolicy.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace litebox::monitor {
namespace {

#ifndef MPOL_PREFERRED_MANY
constexpr int MPOL_PREFERRED_MANY = 5;
#endif
#ifndef MPOL_WEIGHTED_INTERLEAVE
constexpr int MPOL_WEIGHTED_INTERLEAVE = 6;
#endif

using Name = std::pair<std::string_view, int>;

constexpr Name kModes[] = {{"MPOL_DEFAULT", MPOL_DEFAULT},
                           {"MPOL_PREFERRED", MPOL_PREFERRED},
                           {"MPOL_BIND", MPOL_BIND},
                           {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
                           {"MPOL_LOCAL", MPOL_LOCAL},
                           {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
                           {"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE}};
constexpr Name kFlags[] = {
    {"MPOL_F_NUMA_BALANCING", 1 << 13}, {"MPOL_F_RELATIVE_NODES", 1 << 14}, {"MPOL_F_STATIC_NODES", 1 << 15}};

constexpr unsigned kNodes = 1024;
constexpr unsigned kBits = 8 * sizeof(unsigned long);

template <size_t kCount>
int number_of(const Name (&names)[kCount], std::string_view name) {
  for (const auto& [known, number] : names) {
    if (known == name) return number;
  }
  return 0;
}

Result<std::array<unsigned long, kNodes / kBits>> node_mask(const std::string& list) {
  std::array<unsigned long, kNodes / kBits> mask{};
  const char* const end = list.data() + list.size();
  for (const char* at = list.data(); at < end;) {
    unsigned first = 0;
    auto parsed = std::from_chars(at, end, first);
    unsigned last = first;
    if (parsed.ec == std::errc() && parsed.ptr < end && *parsed.ptr == '-') parsed = std::from_chars(parsed.ptr + 1, end, last);
    if (parsed.ec != std::errc() || last >= kNodes) return Error(EINVAL, "linux.memoryPolicy.nodes");
    for (unsigned node = first; node <= last; ++node) mask[node / kBits] |= 1UL << (node % kBits);
    at = parsed.ptr + 1;
  }
  return mask;
}

}  // namespace

Status set_thread_inheritance(const oci::Linux& config) {
  if (config.memory_policy) {
    int mode = number_of(kModes, config.memory_policy->mode);
    for (const std::string& flag : config.memory_policy->flags) mode |= number_of(kFlags, flag);
    LITEBOX_ASSIGN(const auto mask, node_mask(config.memory_policy->nodes));
    const bool has_nodes = !config.memory_policy->nodes.empty();
    // The kernel takes one bit less than it is told (mm/mempolicy.c, get_nodes()).
    if (::syscall(SYS_set_mempolicy, mode, has_nodes ? mask.data() : nullptr, has_nodes ? kNodes + 1 : 0) != 0) {
      return last_error("linux.memoryPolicy");
    }
  }
  if (config.personality && ::personality(config.personality->domain == "LINUX32" ? PER_LINUX32 : PER_LINUX) < 0) {
    return last_error("linux.personality");
  }
  return {};
}

}  // namespace litebox::monitor
