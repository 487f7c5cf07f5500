// Being a guest's user in the eyes of other processes: the calling thread's effective ids and groups, which connect(2) leaves
// with the socket for SO_PEERCRED.
#pragma once

#include <sys/types.h>

#include <vector>

#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// For a monitor that runs as root, where ids inside are the host's (Mode::speaks_for_guests). The effective capabilities stay.
// Not to be mixed with rootfs::ScopedIdentity in one thread at one time.
class ScopedUser {
 public:
  explicit ScopedUser(const Credentials& credentials);
  ~ScopedUser();
  ScopedUser(const ScopedUser&) = delete;
  ScopedUser& operator=(const ScopedUser&) = delete;

 private:
  uid_t uid_;
  gid_t gid_;
  std::vector<gid_t> groups_;
};

}  // namespace litebox::kernel
