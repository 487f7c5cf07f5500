#include "rootfs/scoped_identity.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace litebox::rootfs {
namespace {

constexpr uint64_t bit(int capability) { return 1ULL << static_cast<unsigned>(capability); }

// With these, ids and groups decide nothing but whom a new file belongs to. CAP_DAC_READ_SEARCH adds nothing to
// CAP_DAC_OVERRIDE where files are opened by name.
constexpr uint64_t kAllOfRoot = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID);
constexpr uint64_t kSwitched = kAllOfRoot | bit(CAP_DAC_READ_SEARCH);
// What the kernel itself takes away when the file system uid leaves 0, and gives back (capabilities(7); CAP_FS_SET).
constexpr uint64_t kFollowUid = kSwitched | bit(CAP_MKNOD) | bit(CAP_LINUX_IMMUTABLE) | bit(CAP_MAC_OVERRIDE);

struct CapabilitySets {
  uint64_t effective = 0, permitted = 0, inheritable = 0;
};

CapabilitySets read_capabilities() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  (void)::syscall(SYS_capget, &header, data);
  const auto join = [](uint32_t low, uint32_t high) { return static_cast<uint64_t>(high) << 32U | low; };
  return {join(data[0].effective, data[1].effective), join(data[0].permitted, data[1].permitted),
          join(data[0].inheritable, data[1].inheritable)};
}

bool write_effective(const CapabilitySets& sets, uint64_t effective) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(effective >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(sets.permitted >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(sets.inheritable >> (32 * half));
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

// The calling thread's credentials, read once and kept in step.
struct ThreadState {
  ScopedIdentity::Credentials current;
  CapabilitySets own;

  ThreadState() {
    own = read_capabilities();
    current.effective = own.effective;
    current.uid = static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1)));
    current.gid = static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1)));
    const int count = ::getgroups(0, nullptr);
    if (count > 0) {
      current.groups.resize(static_cast<size_t>(count));
      (void)::getgroups(count, current.groups.data());
    }
  }
};

ThreadState& thread_state() {
  static thread_local ThreadState state;
  return state;
}

// Capabilities come first when they grow and last when they shrink: the id changes need none of those that are switched, but
// the kernel changes the effective set itself when the file system uid passes 0.
void become(ThreadState& state, const ScopedIdentity::Credentials& wanted) {
  ScopedIdentity::Credentials& now = state.current;
  bool failed = false;
  if (now.groups != wanted.groups) {
    if (::syscall(SYS_setgroups, wanted.groups.size(), wanted.groups.data()) == 0) {
      now.groups = wanted.groups;
    } else {
      failed = true;
    }
  }
  if (now.gid != wanted.gid) {
    (void)::setfsgid(wanted.gid);
    now.gid = static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1)));
    failed = failed || now.gid != wanted.gid;
  }
  if (now.uid != wanted.uid) {
    (void)::setfsuid(wanted.uid);
    const auto reached = static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1)));
    if (now.uid == 0 && reached != 0) now.effective &= ~kFollowUid;
    if (now.uid != 0 && reached == 0) now.effective |= state.own.permitted & kFollowUid;
    now.uid = reached;
    failed = failed || now.uid != wanted.uid;
  }
  const uint64_t effective = failed ? wanted.effective & ~kFollowUid : wanted.effective;
  if (now.effective != effective) {
    if (!write_effective(state.own, effective & state.own.permitted)) {
      // The process has given up capabilities since they were read.
      state.own = read_capabilities();
      // A thread that keeps privilege it should not have must not go on.
      if (!write_effective(state.own, effective & state.own.permitted)) std::abort();
    }
    now.effective = effective & state.own.permitted;
  }
}

}  // namespace

ScopedIdentity::ScopedIdentity(const Identity& identity) {
  ThreadState& state = thread_state();
  const bool all_of_root = (identity.capabilities & kAllOfRoot) == kAllOfRoot;
  const bool same_groups = all_of_root || state.current.groups == identity.groups;
  uint64_t file_capabilities = all_of_root ? kSwitched : identity.capabilities & kSwitched;
  // What follows the uid without being switched: root keeps what the monitor has, others only what the guest was given.
  file_capabilities |=
      (identity.uid == 0 ? state.own.effective : identity.capabilities & bit(CAP_MKNOD)) & kFollowUid & ~kSwitched;
  const uint64_t effective = (state.own.effective & ~kFollowUid) | (file_capabilities & state.own.permitted);
  if (identity.uid == state.current.uid && identity.gid == state.current.gid && same_groups &&
      effective == state.current.effective) {
    return;
  }
  previous_ = state.current;
  switched_ = true;
  Credentials wanted{identity.uid, identity.gid, same_groups ? state.current.groups : identity.groups, effective};
  become(state, wanted);
}

void ScopedIdentity::reload() { thread_state() = ThreadState(); }

ScopedIdentity::~ScopedIdentity() {
  if (switched_) become(thread_state(), previous_);
}

}  // namespace litebox::rootfs
