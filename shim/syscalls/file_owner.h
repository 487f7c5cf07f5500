// Who gets the signals of a descriptor (SIGIO, SIGURG): F_SETOWN and F_GETOWN in all their spellings.
#pragma once

#include "base/result.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// Sets the owner of `file` (a copy of the caller's): > 0 a process, < 0 a group, 0 none. ESRCH for outsiders.
Status set_file_owner(const Call& call, int file, int owner);
// The owner as the caller may know it; 0 for an outsider.
Result<int> file_owner(const Call& call, int file);

}  // namespace litebox::syscalls
