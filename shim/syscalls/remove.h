// Removing names, for unlink(2), unlinkat(2) and rmdir(2).
#pragma once

#include <string>

#include "shim/syscalls/call.h"

namespace litebox::syscalls {

Reply remove_directory(const Call& call, int dirfd, const std::string& path);
Reply remove_file(const Call& call, int dirfd, const std::string& path);

}  // namespace litebox::syscalls
