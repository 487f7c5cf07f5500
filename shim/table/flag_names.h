// Names of the constants that system calls take, for the decoder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shim/table/table.h"

namespace litebox::table {

// The value of an argument of `kind` as names ("O_RDWR|O_CLOEXEC", "SIGTERM"; bits without a name in hexadecimal), or nothing
// when the kind has no names or the value none.
std::optional<std::string> named_value(Kind kind, uint64_t value);

}  // namespace litebox::table
