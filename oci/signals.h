// Signal names and numbers, as the `kill` command takes them.
//
// Source: signal(7).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace litebox::oci {

// "9", "KILL", "SIGKILL", in any case; also "RTMIN+3" and "RTMAX-1". 0 is taken: it only asks whether there is a process.
// The error is callers' to recognise: unknown signal "x".
Result<int> parse_signal(std::string_view text);

// "SIGKILL", "SIGRTMIN+3"; the number itself when it has no name.
std::string signal_name(int signal);

}  // namespace litebox::oci
