// What execve(2) does to credentials: set-user-ID and set-group-ID bits, file capabilities, root's own rules, the ambient set
// (capabilities(7), "Transformation of capabilities during execve()"; cap_bprm_creds_from_file() of security/commoncap.c).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "shim/kernel/exec.h"
#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// The "security.capability" attribute of a program (linux/capability.h, struct vfs_cap_data).
struct FileCapabilities {
  uint64_t permitted = 0, inheritable = 0;
  bool effective = false;
  uid_t root = 0;  // the uid 0 of the user namespace that the attribute is meant for (version 3)
};

// EINVAL for a value of a wrong size or version. Values are little-endian.
Result<FileCapabilities> parse_file_capabilities(std::string_view value);

// What a program file may grant. For a script: the interpreter's. Nothing on a nosuid mount: then all of it is left unset.
struct ProgramPrivileges {
  mode_t mode = 0;  // S_ISUID, S_ISGID and S_IXGRP count
  uid_t owner = 0;
  gid_t group = 0;
  std::optional<FileCapabilities> capabilities;
};

struct ExecCredentials {
  Credentials credentials;
  bool secure = false;  // AT_SECURE
};

// EPERM when the bounding set withholds what a program with the effective bit needs.
Result<ExecCredentials> credentials_after_exec(const Credentials& before, const ProgramPrivileges& program);

// Whether a program that is executed as `plan` says loses the parts of its caller's personality that would make it easier to
// attack: a set-user-ID or set-group-ID one, and one that gains capabilities (bprm_fill_uid(), cap_bprm_creds_from_file()).
bool clears_personality(const ProcessState& before, const ExecPlan& plan);

}  // namespace litebox::kernel
