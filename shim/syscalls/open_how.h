// The flags of open(2) and openat2(2), checked and taken apart (fs/open.c build_open_how, build_open_flags).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "rootfs/tree.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// struct open_how of openat2(2).
struct OpenHow {
  uint64_t flags = 0;
  uint64_t mode = 0;
  uint64_t resolve = 0;
};

// How open(2), openat(2) and creat(2) say it: bits that the kernel does not know are dropped, not refused.
OpenHow legacy_open_how(unsigned flags, unsigned mode);

// Reads the argument of openat2(2): EINVAL when `size` is too small, E2BIG when it is larger than what is known here and the
// rest is not zero.
Result<OpenHow> read_open_how(const Call& call, GuestAddress address, uint64_t size);

struct OpenRequest {
  int flags = 0;    // as the new description's, with O_CREAT, O_EXCL, ... as asked; never O_CLOEXEC
  mode_t mode = 0;  // before the umask
  int access = 0;   // R_OK and W_OK as the flags need them
  bool close_on_exec = false;
  rootfs::ResolveOptions resolve;  // with follow_final as O_NOFOLLOW and O_EXCL have it

  bool has(int flag) const { return (flags & flag) == flag; }
};
Result<OpenRequest> check_open_how(const OpenHow& how);

}  // namespace litebox::syscalls
