// execve(2), execveat(2).
#include <fcntl.h>
#include <linux/capability.h>

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include "shim/kernel/exec.h"
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// What is to be executed, and by which name scripts are told of it.
struct Named {
  rootfs::Location location;
  std::string name;
  bool name_vanishes = false;  // the name is of a descriptor that the exec closes
  bool nameless = false;       // there is a descriptor only: the process is called as the file is
};

// The name of a dentry as PR_GET_NAME cuts it.
std::string comm_of(std::string path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.starts_with("/memfd:") && path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path.substr(path.rfind('/') + 1).substr(0, 15);
}

// An untraced caller's state; of a traced one, that under which it gains nothing that its tracer lacks (fs/exec.c
// check_unsafe_exec(), security/commoncap.c: as with no_new_privs, for this exec).
Result<std::unique_ptr<kernel::ExecPlan>> plan_for(Call& call, const rootfs::Location& location, const std::string& name) {
  const auto tracer = call.world.traces().tracer_of(call.thread);
  bool gains = true;
  if (tracer) {
    const auto state = call.world.state_of(tracer->thread);
    gains = state.ok() && (*state)->credentials->has(CAP_SYS_PTRACE);
  }
  if (gains) return kernel::plan_exec(call.world.tree(), *call.state, call.subject(), location, name);
  kernel::ProcessState restrained = *call.state;
  auto credentials = std::make_shared<kernel::Credentials>(*restrained.credentials);
  credentials->no_new_privileges = true;
  restrained.credentials = std::move(credentials);
  LITEBOX_ASSIGN(auto planned, kernel::plan_exec(call.world.tree(), restrained, call.subject(), location, name));
  auto after = std::make_shared<kernel::Credentials>(*planned->credentials);
  after->no_new_privileges = call.state->credentials->no_new_privileges;
  planned->credentials = std::move(after);
  return planned;
}

Reply execute(Call& call, const Named& program, GuestAddress argv, GuestAddress envp) {
  LITEBOX_OR_REPLY(auto plan, plan_for(call, program.location, program.name));
  // fs/binfmt_script.c load_script(), BINPRM_FLAGS_PATH_INACCESSIBLE.
  if (program.name_vanishes && !plan->prefix.empty()) return Reply::error(ENOENT);
  if (program.nameless) plan->comm = comm_of(plan->executable_path);
  return Reply::exec(std::move(plan), argv, envp);
}

// FD_CLOEXEC of the caller's own descriptor, which no copy of it tells (/proc/<pid>/fdinfo, proc_pid_fdinfo(5)).
bool closes_on_exec(const Call& call, int guest_fd) {
  std::ifstream info("/proc/" + std::to_string(call.thread.value()) + "/fdinfo/" + std::to_string(guest_fd));
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("flags:")) continue;
    const size_t start = line.find_first_not_of(" \t", line.find(':') + 1);
    unsigned flags = 0;
    if (start != std::string::npos) std::from_chars(line.data() + start, line.data() + line.size(), flags, 8);
    return (flags & static_cast<unsigned>(O_CLOEXEC)) != 0;
  }
  return false;
}

}  // namespace

Reply sys_execve(Call& call) {
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(AT_FDCWD, path));
  return execute(call, {resolved.target, path}, call.address(1), call.address(2));
}

Reply sys_execveat(Call& call) {
  const int dirfd = call.integer(0);
  const unsigned flags = call.flags(4);
  LITEBOX_OR_REPLY(const std::string path, call.path(1));
  if (path.empty() && (flags & AT_EMPTY_PATH) == 0) return Reply::error(ENOENT);
  if ((flags & ~static_cast<unsigned>(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) return Reply::error(EINVAL);
  // fs/exec.c alloc_bprm(): what a script is told, and AT_EXECFN.
  Named program;
  program.name = path;
  if (dirfd != AT_FDCWD && (path.empty() || path[0] != '/')) {
    program.name = "/dev/fd/" + std::to_string(dirfd) + (path.empty() ? "" : "/" + path);
    program.name_vanishes = closes_on_exec(call, dirfd);
  }
  if (path.empty()) {
    if (dirfd == AT_FDCWD) return Reply::error(EACCES);
    LITEBOX_OR_REPLY(const Fd file, call.file(dirfd));
    LITEBOX_OR_REPLY(program.location, call.world.tree().locate(file.get()));
    program.nameless = true;
    return execute(call, program, call.address(2), call.address(3));
  }
  rootfs::ResolveOptions options;
  options.follow_final = (flags & AT_SYMLINK_NOFOLLOW) == 0;
  LITEBOX_OR_REPLY(const rootfs::Resolved resolved, call.resolve(dirfd, path, options));
  if (resolved.target.node->is_symlink()) return Reply::error(ELOOP);
  program.location = resolved.target;
  return execute(call, program, call.address(2), call.address(3));
}

}  // namespace litebox::syscalls
