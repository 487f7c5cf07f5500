// The versions of the OCI runtime specification that litebox knows.
#pragma once

#include <string_view>

namespace litebox::oci {

// Every 1.x is accepted, since unknown fields are ignored; these are the ones whose fields are known.
inline constexpr std::string_view kOldestSpecVersion = "1.0.0";
inline constexpr std::string_view kSpecVersion = "1.3.0";

}  // namespace litebox::oci
