// What a host allows, as far as litebox cares; and what that means. `doctor` gathers the one and prints the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace litebox::command {

struct HostFacts {
  std::string kernel;  // uname -r
  unsigned major = 0;
  unsigned minor = 0;
  std::string machine;         // uname -m
  bool notifications = false;  // SECCOMP_RET_USER_NOTIF
  int landlock_abi = 0;        // 0: none
  int yama = 0;                // kernel.yama.ptrace_scope; 0 also without Yama
  bool root = false;
  bool may_own = false;                             // CAP_CHOWN, SETUID, SETGID, DAC_OVERRIDE, FOWNER
  bool may_chroot = false;                          // CAP_SYS_CHROOT
  bool may_make_network = false;                    // CAP_SYS_ADMIN
  bool may_trace = false;                           // CAP_SYS_PTRACE
  bool user_namespace = false;                      // it runs in one
  long user_namespaces_limit = -1;                  // user.max_user_namespaces; -1: unknown
  std::string cgroups;                              // "v1", "v2", "v1 and v2" or "none"
  bool may_limit = false;                           // a cgroup can be made
  std::optional<double> notification_microseconds;  // measured; none: not possible
};

HostFacts gather_host_facts();

enum class Verdict { good, reduced, missing };

struct Finding {
  std::string subject;
  Verdict verdict = Verdict::good;
  std::string text;
  std::string advice;  // empty: nothing to do
};

// Pure. A finding that is `missing` means that no container runs here.
std::vector<Finding> judge(const HostFacts& facts);

}  // namespace litebox::command
