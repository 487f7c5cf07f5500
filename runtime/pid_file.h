// --pid-file: the decimal pid and nothing else, put in place whole.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace litebox::runtime {

Status write_pid_file(const std::string& path, pid_t pid);

}  // namespace litebox::runtime
