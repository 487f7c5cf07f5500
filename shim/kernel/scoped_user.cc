#include "shim/kernel/scoped_user.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace litebox::kernel {
namespace {

// Raw calls: they concern the calling thread alone. A thread that kept what it should not have must not go on.
void must(long result) {
  if (result < 0) std::abort();
}

constexpr uid_t kUnchanged = static_cast<uid_t>(-1);

std::vector<gid_t> groups_of_thread() {
  std::vector<gid_t> groups(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  if (!groups.empty()) must(getgroups(static_cast<int>(groups.size()), groups.data()));
  return groups;
}

// The kernel clears the effective capabilities when the effective id leaves 0, and fills them when it comes back.
void change_user(uid_t uid) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};
  must(syscall(SYS_capget, &header, data.data()));
  must(syscall(SYS_setresuid, kUnchanged, uid, kUnchanged));
  must(syscall(SYS_capset, &header, data.data()));
}

}  // namespace

ScopedUser::ScopedUser(const Credentials& credentials) : uid_(geteuid()), gid_(getegid()), groups_(groups_of_thread()) {
  must(syscall(SYS_setgroups, credentials.groups.size(), credentials.groups.data()));
  must(syscall(SYS_setresgid, kUnchanged, credentials.egid, kUnchanged));
  change_user(credentials.euid);
}

ScopedUser::~ScopedUser() {
  change_user(uid_);
  must(syscall(SYS_setresgid, kUnchanged, gid_, kUnchanged));
  must(syscall(SYS_setgroups, groups_.size(), groups_.data()));
}

}  // namespace litebox::kernel
