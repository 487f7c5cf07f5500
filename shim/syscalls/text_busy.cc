#include "shim/syscalls/text_busy.h"

#include <sys/stat.h>

namespace litebox::syscalls {

Status check_not_executed(const Call& call, const rootfs::Location& location) {
  if (!S_ISREG(location.node->type())) return {};
  // Asking every process costs about a millisecond, so files that nobody can be executing are let through first. Whoever has
  // taken the bits away from a running program's file may write it.
  LITEBOX_ASSIGN(const struct statx status, location.node->status(call.subject()));
  if ((status.stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) return {};
  for (const HostPid process : call.world.own_members()) {
    const auto executable = call.world.executable(process);
    if (executable.ok() && executable->node->key() == location.node->key()) return Error(ETXTBSY);
  }
  return {};
}

}  // namespace litebox::syscalls
