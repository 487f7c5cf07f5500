#include "rootfs/access.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tuple>

namespace litebox::rootfs {
namespace {

constexpr uid_t kKeepUid = static_cast<uid_t>(-1);
constexpr gid_t kKeepGid = static_cast<gid_t>(-1);
constexpr mode_t kPermissionBits = S_IRWXU | S_IRWXG | S_IRWXO;

// Whether a file's setgid bit means "run as this group" rather than mandatory locking's old mark.
bool setgid_is_executable(mode_t mode) { return (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP); }

bool grants(const Identity& identity, const FileOwnership& file, mode_t wanted) {
  mode_t granted = file.mode & 07U;
  if (identity.uid == file.uid) {
    granted = (file.mode >> 6U) & 07U;
  } else if (file.acl != nullptr && (file.mode & S_IRWXG) != 0) {
    return file.acl->grants(identity, file.gid, wanted);
  } else if (identity.in_group(file.gid)) {
    granted = (file.mode >> 3U) & 07U;
  }
  return (wanted & ~granted) == 0;
}

bool in_group_or_capable(const Identity& identity, gid_t gid) { return identity.in_group(gid) || identity.has(CAP_FSETID); }

}  // namespace

Status may_access(const Identity& identity, const FileOwnership& file, int mask) {
  const auto wanted = static_cast<mode_t>(mask & (R_OK | W_OK | X_OK));
  if (grants(identity, file, wanted)) return {};
  if (S_ISDIR(file.mode)) {
    if ((wanted & W_OK) == 0 && identity.has(CAP_DAC_READ_SEARCH)) return {};
    return identity.has(CAP_DAC_OVERRIDE) ? Status() : Status(Error(EACCES));
  }
  if (wanted == R_OK && identity.has(CAP_DAC_READ_SEARCH)) return {};
  const bool executable_by_someone = (file.mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
  if (((wanted & X_OK) == 0 || executable_by_someone) && identity.has(CAP_DAC_OVERRIDE)) return {};
  return Error(EACCES);
}

bool owns(const Identity& identity, const FileOwnership& file) { return identity.uid == file.uid || identity.has(CAP_FOWNER); }

Status may_delete(const Identity& identity, const FileOwnership& directory, const FileOwnership& victim) {
  LITEBOX_TRY(may_access(identity, directory, W_OK | X_OK));
  if ((directory.mode & S_ISVTX) == 0) return {};
  if (identity.uid == victim.uid || identity.uid == directory.uid || identity.has(CAP_FOWNER)) return {};
  return Error(EPERM);
}

Result<FileOwnership> after_chmod(const Identity& identity, const FileOwnership& file, mode_t mode) {
  if (!owns(identity, file)) return Error(EPERM);
  FileOwnership changed = file;
  changed.mode = (file.mode & S_IFMT) | (mode & 07777U);
  if (!in_group_or_capable(identity, file.gid)) changed.mode &= ~static_cast<mode_t>(S_ISGID);
  if (file.acl != nullptr) changed.acl = file.acl->with_mode(changed.mode);
  return changed;
}

Result<FileOwnership> after_set_acl(const Identity& identity, const FileOwnership& file, const PosixAclPtr& acl) {
  if (!owns(identity, file)) return Error(EPERM);
  FileOwnership changed = file;
  changed.acl = acl == nullptr || acl->is_mode_alone() ? nullptr : acl;
  if (acl == nullptr) return changed;
  changed.mode = (file.mode & ~kPermissionBits) | acl->mode();
  if (!in_group_or_capable(identity, file.gid)) changed.mode &= ~static_cast<mode_t>(S_ISGID);
  return changed;
}

Result<FileOwnership> after_chown(const Identity& identity, const FileOwnership& file, uid_t uid, gid_t gid) {
  const bool may = identity.has(CAP_CHOWN);
  if (uid != kKeepUid && !may && !(identity.uid == file.uid && uid == file.uid)) return Error(EPERM);
  if (gid != kKeepGid && !may && !(identity.uid == file.uid && (gid == file.gid || identity.in_group(gid)))) {
    return Error(EPERM);
  }
  FileOwnership changed = file;
  if (!S_ISDIR(file.mode)) {
    changed.mode &= ~static_cast<mode_t>(S_ISUID);
    const bool drop_setgid =
        setgid_is_executable(file.mode) || ((file.mode & S_ISGID) != 0 && !in_group_or_capable(identity, file.gid));
    if (drop_setgid) changed.mode &= ~static_cast<mode_t>(S_ISGID);
  }
  if (uid != kKeepUid) changed.uid = uid;
  if (gid != kKeepGid) changed.gid = gid;
  if (changed.mode != file.mode) {
    // Dropping a bit is a change of mode, which CAP_CHOWN alone does not permit.
    if (!owns(identity, file)) return Error(EPERM);
    if (!in_group_or_capable(identity, changed.gid)) changed.mode &= ~static_cast<mode_t>(S_ISGID);
  }
  return changed;
}

mode_t after_write(const Identity& identity, const FileOwnership& file) {
  if (!S_ISREG(file.mode) || identity.has(CAP_FSETID)) return file.mode;
  mode_t mode = file.mode & ~static_cast<mode_t>(S_ISUID);
  if (setgid_is_executable(file.mode) || !identity.in_group(file.gid)) mode &= ~static_cast<mode_t>(S_ISGID);
  return mode;
}

FileOwnership of_new_file(const Identity& identity, const FileOwnership& directory, const PosixAcl* default_acl, mode_t mode,
                          mode_t umask) {
  const bool inherits_group = (directory.mode & S_ISGID) != 0;
  FileOwnership file{identity.uid, inherits_group ? directory.gid : identity.gid, mode};
  // Before anything is taken from the permissions: what is executable only by what was asked for counts, too.
  if (inherits_group && !S_ISDIR(mode) && setgid_is_executable(mode) && !in_group_or_capable(identity, directory.gid)) {
    file.mode &= ~static_cast<mode_t>(S_ISGID);
  }
  if (default_acl == nullptr) {
    file.mode &= ~umask;
  } else {
    std::tie(file.mode, file.acl) = default_acl->for_new_file(file.mode);
  }
  if (inherits_group && S_ISDIR(mode)) file.mode |= S_ISGID;
  return file;
}

}  // namespace litebox::rootfs
