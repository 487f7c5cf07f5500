// The table for people and programs: `litebox syscalls`, and the compatibility page.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "shim/table/table.h"

namespace litebox::table {

enum class Format { table, json, markdown };

// "table", "json", "markdown"; EINVAL.
Result<Format> parse_format(std::string_view text);

// Every call with its route, what decides it, and the reason; ends with a newline.
//   table     one line a call, in columns
//   json      {"syscalls": [...], "hypercalls": [...]}, with rules and conditions
//   markdown  the compatibility page: counts, then one row a call
std::string print(Format format);

// "argument 1 is TCGETS or TCSETS", "argument 0 has none of ~(A|B)".
std::string describe(const Match& match);
// "own_network and not translated_ids"; empty for no condition.
std::string describe(const When& when);

}  // namespace litebox::table
