// Wait statuses: as a shell shows them, and a process that ends with one.
#pragma once

namespace litebox::runtime {

// The exit code, or 128 + the signal.
int exit_code_of(int wait_status);

// Ends the calling process so that its parent sees the same exit code or the same signal; without a core dump.
[[noreturn]] void end_with(int wait_status);

}  // namespace litebox::runtime
