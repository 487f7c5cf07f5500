// The seccomp profile of config.json ("linux.seccomp") as a filter in front of the container's own.
//
// Source: runtime-spec config-linux.md "Seccomp"; seccomp(2); libseccomp makes the program.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/result.h"
#include "oci/seccomp.h"

namespace litebox::filter {

// The profile alone. It judges the calls that guests make, as they make them: what it refuses does not reach the monitor.
// Exempt are the shim's own ways into the monitor: hypercalls, and the loader's execveat(fd, "", ..., AT_EMPTY_PATH) that
// stands for a guest's execve. Numbers above every one that the profile names are answered with ENOSYS, not with the default
// action, so that C libraries fall back (as runc does).
// Only x86-64: the container's own filter refuses other architectures. Names that Linux has not are skipped.
// ENOTSUP for a profile with SCMP_ACT_NOTIFY: there is one listener, the monitor's. E2BIG for one that is too long.
Result<std::vector<sock_filter>> compile_profile(const oci::Seccomp& profile);

// One program: what `profile` allows or logs goes on to `container`; what it refuses is refused. SCMP_ACT_TRACE is refused
// with ENOSYS, as without a tracer, since a tracer would let the call pass without asking `container`. E2BIG beyond
// BPF_MAXINSNS.
Result<std::vector<sock_filter>> combine(std::vector<sock_filter> profile, const std::vector<sock_filter>& container);

}  // namespace litebox::filter
