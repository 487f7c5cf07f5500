// Calls that end with EINTR whenever something wakes their thread, be there a signal to handle or not.
#pragma once

#include "base/ids.h"

namespace litebox::monitor {

// Of a thread in a ptrace stop on its way out of such a call: has the call repeated, unless a signal handler runs first, after
// which it fails as ever. So what the program knows nothing of (the stop, a signal that it ignores) does not cut it short. A
// timeout that the kernel does not keep account of begins anew.
void repeat_unless_handled(HostPid stopped);

}  // namespace litebox::monitor
