// What follows a process through fork and exec, and is the shim's, not the kernel's: virtual credentials, root and working
// directory, umask, executable.
//
// A ProcessState is immutable. The monitor keeps them in a table, and each process carries the number of its own as the soft
// limit of RLIMIT_LOCKS, which the kernel has not used since Linux 2.4, copies at fork and keeps at exec, and which the filter
// keeps guests from setting. A change makes a new state and one prlimit(2).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rootfs/node.h"
#include "rootfs/subject.h"

namespace litebox::kernel {

// credentials(7), capabilities(7); capability sets are a bit per CAP_* number.
struct Credentials {
  uid_t uid = 0, euid = 0, suid = 0, fsuid = 0;
  gid_t gid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::vector<gid_t> groups;
  uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;
  uint32_t securebits = 0;
  bool no_new_privileges = false;
  bool asks_for_paths = false;  // shut out of native paths for good (native_paths.h)

  bool has(int capability) const { return ((effective >> capability) & 1U) != 0; }
};

struct ProcessState {
  std::shared_ptr<const Credentials> credentials;
  std::shared_ptr<const rootfs::Identity> identity;  // credentials as permission checks see them; derived, kept in step
  rootfs::Location root;
  rootfs::Location cwd;
  mode_t umask = 022;
  rootfs::Location executable;
  std::string executable_path;  // as /proc/<pid>/exe shows it
  // What the process has made of RLIMIT_LOCKS, whose place in the kernel is taken.
  struct rlimit64 locks = {RLIM64_INFINITY, RLIM64_INFINITY};
  // PR_SET_DUMPABLE; the kernel's own flag stays set, or the monitor could not read the process's memory. Set at exec.
  bool dumpable = true;
  // All of the process is shut out of native paths for good (native_paths.h).
  bool asks_for_paths = false;
};

using ProcessStatePtr = std::shared_ptr<const ProcessState>;

// The Identity that belongs to credentials.
std::shared_ptr<const rootfs::Identity> identity_of(const Credentials& credentials);

}  // namespace litebox::kernel
