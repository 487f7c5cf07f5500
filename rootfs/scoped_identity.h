// Acting as a guest's user: the calling thread's file system ids, groups and capabilities, for as long as a scope lasts.
//
// For Ownership::native only, where the monitor is privileged and the kernel checks permissions. What is switched is the
// thread's own (raw system calls; glibc's setgroups(3) would change every thread). Capabilities other than those that file
// permissions ask for stay as they are: what needs CAP_MKNOD, CAP_SETFCAP or CAP_SYS_ADMIN of the guest is for litebox to
// check. The usual case, a root that has the file capabilities, costs no system call.
//
// As any change of credentials does (credentials(7)), a switch makes the process undumpable and clears the calling thread's
// parent death signal: a thread that relies on PR_SET_PDEATHSIG must not enter such a scope.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "rootfs/subject.h"

namespace litebox::rootfs {

// Scopes nest. An error of a switch (it needs CAP_SETUID, CAP_SETGID, CAP_SETPCAP's subset rule) leaves the scope with less
// privilege, never more: the ids then own nothing.
class ScopedIdentity {
 public:
  explicit ScopedIdentity(const Identity& identity);
  ~ScopedIdentity();
  ScopedIdentity(const ScopedIdentity&) = delete;
  ScopedIdentity& operator=(const ScopedIdentity&) = delete;

  // To be called, outside every scope, by a thread that has changed its own credentials by other means.
  static void reload();

  // What a thread can have: the part of an Identity that the kernel looks at.
  struct Credentials {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
    uint64_t effective = 0;
  };

 private:
  bool switched_ = false;
  Credentials previous_;
};

}  // namespace litebox::rootfs
