// Changing the caller's virtual credentials: the record and the identity derived from it change together.
#pragma once

#include <functional>

#include "base/result.h"
#include "shim/kernel/process_state.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// Replaces the caller's credentials by change(a copy of them), and answers `result`; nothing changes when `change` refuses.
Reply change_credentials(const Call& call, const std::function<Status(kernel::Credentials&)>& change, int64_t result = 0);

}  // namespace litebox::syscalls
