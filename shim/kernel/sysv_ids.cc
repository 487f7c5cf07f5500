#include "shim/kernel/sysv_ids.h"

#include <sys/capability.h>

namespace litebox::kernel {
namespace {

constexpr unsigned kAllPermissions = 0777;

bool in_group(const Credentials& subject, gid_t group) {
  return subject.fsgid == group || std::find(subject.groups.begin(), subject.groups.end(), group) != subject.groups.end();
}

}  // namespace

IpcPermissions new_ipc_permissions(const Credentials& creator, key_t key, int flags) {
  IpcPermissions permissions;
  permissions.key = key;
  permissions.uid = permissions.creator_uid = creator.euid;
  permissions.gid = permissions.creator_gid = creator.egid;
  permissions.mode = static_cast<unsigned>(flags) & kAllPermissions;
  return permissions;
}

Status check_ipc_access(const IpcPermissions& permissions, const Credentials& subject, unsigned wanted) {
  const unsigned requested = (wanted >> 6U | wanted >> 3U | wanted) & 07U;
  unsigned granted = permissions.mode;
  if (subject.euid == permissions.creator_uid || subject.euid == permissions.uid) {
    granted >>= 6U;
  } else if (in_group(subject, permissions.creator_gid) || in_group(subject, permissions.gid)) {
    granted >>= 3U;
  }
  if ((requested & ~granted & 07U) != 0 && !subject.has(CAP_IPC_OWNER)) return Error(EACCES);
  return {};
}

Status check_ipc_owner(const IpcPermissions& permissions, const Credentials& subject) {
  if (subject.euid == permissions.creator_uid || subject.euid == permissions.uid || subject.has(CAP_SYS_ADMIN)) return {};
  return Error(EPERM);
}

void set_ipc_permissions(IpcPermissions& permissions, const struct ipc64_perm& wanted) {
  permissions.uid = wanted.uid;
  permissions.gid = wanted.gid;
  permissions.mode = wanted.mode & kAllPermissions;
}

struct ipc64_perm describe_ipc_permissions(const IpcPermissions& permissions) {
  struct ipc64_perm description {};
  description.key = permissions.key;
  description.uid = permissions.uid;
  description.gid = permissions.gid;
  description.cuid = permissions.creator_uid;
  description.cgid = permissions.creator_gid;
  description.mode = permissions.mode;
  description.seq = permissions.sequence;
  return description;
}

}  // namespace litebox::kernel
