// Resource limit names and numbers: getrlimit(2).
#pragma once

#include <optional>
#include <string_view>

namespace litebox::oci {

// "RLIMIT_NOFILE" -> RLIMIT_NOFILE; empty for an unknown name.
std::optional<int> rlimit_number(std::string_view name);

// The reverse; empty for an unknown number.
std::string_view rlimit_name(int number);

}  // namespace litebox::oci
