#include "shim/rewrite/scanner/confine.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace litebox::rewrite {
namespace {

// Held things, and memory that is not executable (limit_protection() below looks at mmap's and mprotect's).
constexpr std::array kAllowed = {SYS_read,   SYS_pread64, SYS_write,      SYS_close, SYS_fstat, SYS_lseek,    SYS_munmap,
                                 SYS_mremap, SYS_brk,     SYS_exit_group, SYS_exit,  SYS_futex, SYS_getrandom};
constexpr uint32_t kProtExec = 4;

bool limit(__rlimit_resource resource, rlim_t most) {
  const rlimit value{most, most};
  return ::setrlimit(resource, &value) == 0;
}

bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0;
}

void allow(std::vector<sock_filter>& program, long number) {
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

void allow_without_execution(std::vector<sock_filter>& program, long number) {
  constexpr size_t kProtection = offsetof(seccomp_data, args) + 2 * sizeof(uint64_t);
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 4));
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kProtection));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kProtExec, 1, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

bool install_filter() {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (const long number : kAllowed) allow(program, number);
  allow_without_execution(program, SYS_mmap);
  allow_without_execution(program, SYS_mprotect);
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

}  // namespace

bool confine() {
  return limit(RLIMIT_CPU, kScanSeconds) && limit(RLIMIT_AS, kScanMemory) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && drop_capabilities() && install_filter();
}

}  // namespace litebox::rewrite
