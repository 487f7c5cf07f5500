// execve(2)'s decisions: which file is run, by which interpreter, with which credentials. What the monitor decides here the
// blob carries out in the guest (design.md section 3, "exec").
//
// Sources: fs/exec.c, fs/binfmt_script.c, fs/binfmt_elf.c, security/commoncap.c.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/tree.h"
#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// Everything that a process becomes at an exec's point of no return.
struct ExecPlan {
  Fd program;                       // the ELF that is mapped, open for reading
  Fd interpreter;                   // its PT_INTERP, or none
  std::string execfn;               // AT_EXECFN
  std::string comm;                 // at most 15 bytes
  std::vector<std::string> prefix;  // takes argv[0]'s place when a script is run: interpreter, [argument], script
  std::shared_ptr<const Credentials> credentials;
  bool secure = false;          // AT_SECURE
  rootfs::Location executable;  // the ELF: what /proc/self/exe names
  std::string executable_path;
};

// Plans the execution of the file at `location`, which the caller named `name` (the script's own path, as scripts are told).
// ENOEXEC, EACCES, ENOENT (a missing interpreter), ELIBBAD, ELOOP (more than five scripts deep), as execve(2).
Result<std::unique_ptr<ExecPlan>> plan_exec(rootfs::Tree& tree, const ProcessState& state, const rootfs::Subject& subject,
                                            const rootfs::Location& location, const std::string& name);

}  // namespace litebox::kernel
