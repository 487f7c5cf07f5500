#include "shim/kernel/credentials.h"

#include <algorithm>
#include <utility>

#include "shim/kernel/capabilities.h"

namespace litebox::kernel {
namespace {

constexpr uid_t kRoot = 0;

// The capabilities that come and go with a file system uid of 0 (capabilities(7), "Effect of user ID changes").
constexpr uint64_t kFileSystemCapabilities = capability_bit(CAP_CHOWN) | capability_bit(CAP_MKNOD) |
                                             capability_bit(CAP_DAC_OVERRIDE) | capability_bit(CAP_DAC_READ_SEARCH) |
                                             capability_bit(CAP_FOWNER) | capability_bit(CAP_FSETID) |
                                             capability_bit(CAP_MAC_OVERRIDE) | capability_bit(CAP_LINUX_IMMUTABLE);

bool has_root(const Credentials& credentials) {
  return credentials.uid == kRoot || credentials.euid == kRoot || credentials.suid == kRoot;
}

// cap_emulate_setxuid()
void adjust_capabilities(const Credentials& before, Credentials& after) {
  if (has_securebit(before, SECURE_NO_SETUID_FIXUP)) return;
  if (has_root(before) && !has_root(after)) {
    if (!has_securebit(before, SECURE_KEEP_CAPS)) {
      after.permitted = 0;
      after.effective = 0;
    }
    after.ambient = 0;
  }
  if (before.euid == kRoot && after.euid != kRoot) after.effective = 0;
  if (before.euid != kRoot && after.euid == kRoot) after.effective = after.permitted;
}

// The file system id follows the effective one; then the capabilities follow the ids.
void finish_uids(const Credentials& before, Credentials& after) {
  after.fsuid = after.euid;
  adjust_capabilities(before, after);
}

}  // namespace

Status set_uid(Credentials& credentials, uid_t uid) {
  if (uid == kNoUid) return Error(EINVAL);
  Credentials after = credentials;
  if (credentials.has(CAP_SETUID)) {
    after.uid = after.suid = uid;
  } else if (uid != credentials.uid && uid != credentials.suid) {
    return Error(EPERM);
  }
  after.euid = uid;
  finish_uids(credentials, after);
  credentials = std::move(after);
  return {};
}

Status set_gid(Credentials& credentials, gid_t gid) {
  if (gid == kNoGid) return Error(EINVAL);
  if (credentials.has(CAP_SETGID)) {
    credentials.gid = credentials.sgid = gid;
  } else if (gid != credentials.gid && gid != credentials.sgid) {
    return Error(EPERM);
  }
  credentials.egid = credentials.fsgid = gid;
  return {};
}

Status set_reuid(Credentials& credentials, uid_t real, uid_t effective) {
  const Credentials& old = credentials;
  const bool privileged = old.has(CAP_SETUID);
  if (real != kNoUid && !privileged && real != old.uid && real != old.euid) return Error(EPERM);
  if (effective != kNoUid && !privileged && effective != old.uid && effective != old.euid && effective != old.suid) {
    return Error(EPERM);
  }
  Credentials after = old;
  if (real != kNoUid) after.uid = real;
  if (effective != kNoUid) after.euid = effective;
  if (real != kNoUid || (effective != kNoUid && effective != old.uid)) after.suid = after.euid;
  finish_uids(old, after);
  credentials = std::move(after);
  return {};
}

Status set_regid(Credentials& credentials, gid_t real, gid_t effective) {
  const Credentials& old = credentials;
  const bool privileged = old.has(CAP_SETGID);
  if (real != kNoGid && !privileged && real != old.gid && real != old.egid) return Error(EPERM);
  if (effective != kNoGid && !privileged && effective != old.gid && effective != old.egid && effective != old.sgid) {
    return Error(EPERM);
  }
  Credentials after = old;
  if (real != kNoGid) after.gid = real;
  if (effective != kNoGid) after.egid = effective;
  if (real != kNoGid || (effective != kNoGid && effective != old.gid)) after.sgid = after.egid;
  after.fsgid = after.egid;
  credentials = std::move(after);
  return {};
}

Status set_resuid(Credentials& credentials, uid_t real, uid_t effective, uid_t saved) {
  const Credentials& old = credentials;
  const auto allowed = [&old](uid_t id) { return id == kNoUid || id == old.uid || id == old.euid || id == old.suid; };
  if (!old.has(CAP_SETUID) && !(allowed(real) && allowed(effective) && allowed(saved))) return Error(EPERM);
  Credentials after = old;
  if (real != kNoUid) after.uid = real;
  if (effective != kNoUid) after.euid = effective;
  if (saved != kNoUid) after.suid = saved;
  finish_uids(old, after);
  credentials = std::move(after);
  return {};
}

Status set_resgid(Credentials& credentials, gid_t real, gid_t effective, gid_t saved) {
  const Credentials& old = credentials;
  const auto allowed = [&old](gid_t id) { return id == kNoGid || id == old.gid || id == old.egid || id == old.sgid; };
  if (!old.has(CAP_SETGID) && !(allowed(real) && allowed(effective) && allowed(saved))) return Error(EPERM);
  if (real != kNoGid) credentials.gid = real;
  if (effective != kNoGid) credentials.egid = effective;
  if (saved != kNoGid) credentials.sgid = saved;
  credentials.fsgid = credentials.egid;
  return {};
}

uid_t set_fsuid(Credentials& credentials, uid_t uid) {
  const uid_t previous = credentials.fsuid;
  const bool allowed = uid == credentials.uid || uid == credentials.euid || uid == credentials.suid || uid == previous ||
                       credentials.has(CAP_SETUID);
  if (uid == kNoUid || !allowed) return previous;
  credentials.fsuid = uid;
  if (has_securebit(credentials, SECURE_NO_SETUID_FIXUP)) return previous;
  if (previous == kRoot && uid != kRoot) credentials.effective &= ~kFileSystemCapabilities;
  if (previous != kRoot && uid == kRoot) credentials.effective |= credentials.permitted & kFileSystemCapabilities;
  return previous;
}

gid_t set_fsgid(Credentials& credentials, gid_t gid) {
  const gid_t previous = credentials.fsgid;
  const bool allowed = gid == credentials.gid || gid == credentials.egid || gid == credentials.sgid || gid == previous ||
                       credentials.has(CAP_SETGID);
  if (gid != kNoGid && allowed) credentials.fsgid = gid;
  return previous;
}

Status set_groups(Credentials& credentials, std::vector<gid_t> groups) {
  if (!credentials.has(CAP_SETGID)) return Error(EPERM);
  if (std::find(groups.begin(), groups.end(), kNoGid) != groups.end()) return Error(EINVAL);
  std::sort(groups.begin(), groups.end());
  credentials.groups = std::move(groups);
  return {};
}

bool gives_up_dumpability(const Credentials& before, const Credentials& after) {
  return before.euid != after.euid || before.egid != after.egid || before.fsuid != after.fsuid || before.fsgid != after.fsgid ||
         (after.permitted & ~before.permitted) != 0;
}

}  // namespace litebox::kernel
