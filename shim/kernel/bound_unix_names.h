// The names to which AF_UNIX sockets are bound in this process's network namespace (sock_diag(7)).
#pragma once

#include <string>
#include <unordered_set>

#include "base/result.h"

namespace litebox::kernel {

// Each as unix_names.h writes it: what follows the family, without a path's closing NUL. A name stays in use as long as any
// socket has it, those that a listener has accepted included. ENOENT and the like where the kernel has no unix_diag.
Result<std::unordered_set<std::string>> bound_unix_names();

}  // namespace litebox::kernel
