// Which handler answers a system call; generated from shim/table/syscalls.yaml.
#pragma once

#include <cstdint>

#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// Null for numbers that the monitor does not answer, or not yet.
Handler find_handler(int64_t number);

}  // namespace litebox::syscalls
