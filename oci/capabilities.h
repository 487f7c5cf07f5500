// Capability names and numbers.
//
// Source: capabilities(7), linux/capability.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace litebox::oci {

// CAP_CHECKPOINT_RESTORE, the last one (Linux 5.9).
constexpr int kLastCapability = 40;
constexpr uint64_t kAllCapabilities = (uint64_t{1} << (kLastCapability + 1)) - 1;

// "CAP_CHOWN" -> 0; empty for an unknown name. Names are in capitals, with their prefix.
std::optional<int> capability_number(std::string_view name);

// 0 -> "CAP_CHOWN"; empty for a number above kLastCapability.
std::string_view capability_name(int number);

// The names of the bits of `mask`, lowest first.
std::vector<std::string> capability_names(uint64_t mask);

}  // namespace litebox::oci
