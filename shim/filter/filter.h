// The table as a seccomp filter: seccomp(2), linux/seccomp.h.
//
// The order inside the filter is for the kernel's bitmap cache: the architecture, then the number, and register values only for
// those numbers that the table decides by argument. A call that is native by its number alone never runs the program.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "shim/table/table.h"

namespace litebox::filter {

// The filter of a container under `conditions`: SECCOMP_RET_ALLOW for native, SECCOMP_RET_USER_NOTIF for the monitor's calls
// and the blob's hypercalls, SECCOMP_RET_ERRNO for the refused; ENOSYS for unknown numbers, x32 and i386 calls.
// Shorter than BPF_MAXINSNS.
std::vector<sock_filter> compile(const table::Conditions& conditions);

}  // namespace litebox::filter
