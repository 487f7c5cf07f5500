// What every guest is under, whatever it runs: applied once, to the one thread from which all guests are forked.
//
// In order: a root directory of its own that is empty, or the container's tree (with privilege), no capability, no_new_privs,
// Landlock without any right but to read in that tree (files; signals and abstract sockets stay inside), and the system call
// filter. Nothing of it can be undone.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/native_tree.h"

namespace litebox::monitor {

struct Confinement {
  std::string empty_directory;               // the new root; empty: the caller may not chroot
  const rootfs::NativeTree* tree = nullptr;  // the new root instead, of which files may be read; borrowed
  bool network = true;                       // false: no TCP port may be bound or connected to natively (Landlock ABI 4)
  std::vector<sock_filter> filter;           // shim/filter's
};

// Confines the calling thread (not its siblings) for ever and returns the seccomp listener.
Result<Fd> confine_this_thread(const Confinement& confinement);

// What this host's Landlock can do: 0 if it has none (landlock(7), landlock_create_ruleset LANDLOCK_CREATE_RULESET_VERSION).
int landlock_abi();
// Landlock keeps signals and abstract sockets inside the domain (ABI 6).
inline bool landlock_scopes_signals() { return landlock_abi() >= 6; }

}  // namespace litebox::monitor
