// How a command's failure reaches the person and the engine.
#pragma once

#include "base/result.h"

namespace litebox::command {

// One error line in the log; when the log is a file, the plain text on standard error too.
void report(const Error& error);

// Called once, before any report().
void set_log_is_file(bool is_file);

}  // namespace litebox::command
