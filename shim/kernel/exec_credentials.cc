#include "shim/kernel/exec_credentials.h"

#include <endian.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "shim/kernel/capabilities.h"

namespace litebox::kernel {
namespace {

constexpr uid_t kRoot = 0;

bool in_group(const Credentials& credentials, gid_t group) {
  return group == credentials.fsgid ||
         std::find(credentials.groups.begin(), credentials.groups.end(), group) != credentials.groups.end();
}

}  // namespace

Result<FileCapabilities> parse_file_capabilities(std::string_view value) {
  vfs_ns_cap_data data = {};
  if (value.size() < sizeof data.magic_etc || value.size() > sizeof data) return Error(EINVAL);
  std::memcpy(&data, value.data(), value.size());
  const uint32_t magic = le32toh(data.magic_etc);
  FileCapabilities result;
  result.effective = (magic & VFS_CAP_FLAGS_EFFECTIVE) != 0;
  size_t words = VFS_CAP_U32_2;
  switch (magic & VFS_CAP_REVISION_MASK) {
    case VFS_CAP_REVISION_1:
      if (value.size() != XATTR_CAPS_SZ_1) return Error(EINVAL);
      words = VFS_CAP_U32_1;
      break;
    case VFS_CAP_REVISION_2:
      if (value.size() != XATTR_CAPS_SZ_2) return Error(EINVAL);
      break;
    case VFS_CAP_REVISION_3:
      if (value.size() != XATTR_CAPS_SZ_3) return Error(EINVAL);
      result.root = le32toh(data.rootid);
      break;
    default:
      return Error(EINVAL);
  }
  for (size_t i = 0; i < words; ++i) {
    result.permitted |= uint64_t{le32toh(data.data[i].permitted)} << (32U * i);
    result.inheritable |= uint64_t{le32toh(data.data[i].inheritable)} << (32U * i);
  }
  result.permitted &= kAllCapabilities;
  result.inheritable &= kAllCapabilities;
  return result;
}

Result<ExecCredentials> credentials_after_exec(const Credentials& before, const ProgramPrivileges& program) {
  Credentials after = before;

  // bprm_fill_uid()
  if (!before.no_new_privileges) {
    if ((program.mode & S_ISUID) != 0) after.euid = program.owner;
    if ((program.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) after.egid = program.group;
  }

  // get_file_caps(): an attribute that is meant for another root user grants nothing.
  const bool has_file_capabilities = program.capabilities && program.capabilities->root == kRoot;
  bool effective = false;
  after.permitted = 0;
  if (has_file_capabilities) {
    const FileCapabilities& file = *program.capabilities;
    after.permitted = (before.bounding & file.permitted) | (before.inheritable & file.inheritable);
    effective = file.effective;
    if (effective && (file.permitted & ~after.permitted) != 0) return Error(EPERM);
  }

  // handle_privileged_root(): a set-user-ID-root program with file capabilities gets only those.
  const bool set_user_id_root = after.euid == kRoot && after.uid != kRoot;
  if (!has_securebit(before, SECURE_NOROOT) && !(has_file_capabilities && set_user_id_root)) {
    if (after.euid == kRoot || after.uid == kRoot) after.permitted = before.bounding | before.inheritable;
    if (after.euid == kRoot) effective = true;
  }

  const bool changed = after.euid != before.euid || !in_group(before, after.egid);
  const bool gained = (after.permitted & ~before.permitted) != 0;
  if ((changed || gained) && before.no_new_privileges) {
    after.euid = after.uid;
    after.egid = after.gid;
    after.permitted &= before.permitted;
  }

  after.suid = after.fsuid = after.euid;
  after.sgid = after.fsgid = after.egid;
  if (has_file_capabilities || changed) after.ambient = 0;
  after.permitted |= after.ambient;
  after.effective = effective ? after.permitted : after.ambient;
  after.securebits &= ~issecure_mask(SECURE_KEEP_CAPS);

  const bool grew = (after.permitted & ~after.ambient) != 0;
  const bool secure =
      changed || after.euid != before.uid || after.egid != before.gid || (after.uid != kRoot && (effective || grew));
  return ExecCredentials{std::move(after), secure};
}

bool clears_personality(const ProcessState& before, const ExecPlan& plan) {
  if ((plan.credentials->permitted & ~before.credentials->permitted) != 0) return true;
  if (before.credentials->no_new_privileges || plan.executable.mount->flags.no_suid) return false;
  const auto status = plan.executable.node->status({before.identity, HostPid(), HostPid(), before.umask});
  if (!status.ok()) return false;
  const mode_t mode = status->stx_mode;
  return (mode & S_ISUID) != 0 || (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
}

}  // namespace litebox::kernel
