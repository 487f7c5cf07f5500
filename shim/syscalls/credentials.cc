// User and group ids: getuid(2), getresuid(2), setuid(2), setreuid(2), setresuid(2), setfsuid(2) and their group twins.
//
// All of it concerns the caller's record in the monitor; the kernel's own ids of a guest never change.
#include "shim/kernel/credentials.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <memory>
#include <utility>

#include "shim/syscalls/call.h"
#include "shim/syscalls/credentials.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::Credentials;

Status write_three(const Call& call, uint32_t real, uint32_t effective, uint32_t saved) {
  LITEBOX_TRY(call.memory.write_value(call.address(0), real));
  LITEBOX_TRY(call.memory.write_value(call.address(1), effective));
  return call.memory.write_value(call.address(2), saved);
}

// Whether the process has become one that may not be dumped.
Result<bool> replace_credentials(const Call& call, const std::function<Status(Credentials&)>& change) {
  bool given_up = false;
  const Status replaced = call.world.update_credentials(call.process, call.thread, [&](kernel::ProcessState& state) -> Status {
    auto credentials = std::make_shared<Credentials>(*state.credentials);
    LITEBOX_TRY(change(*credentials));
    if (!call.world.has_ids(*credentials)) return Error(EINVAL);
    given_up = kernel::gives_up_dumpability(*state.credentials, *credentials);
    if (given_up) state.dumpable = false;
    state.identity = kernel::identity_of(*credentials);
    state.credentials = std::move(credentials);
    return {};
  });
  if (!replaced.ok()) return replaced.error();
  return given_up;
}

// Nor does it get the signal any longer that it had asked for its parent's death (commit_creds). Only it can say so.
Reply change_ids(const Call& call, const std::function<Status(Credentials&)>& change) {
  LITEBOX_OR_REPLY(const bool given_up, replace_credentials(call, change));
  return given_up ? Reply::in_guest(SYS_prctl, {PR_SET_PDEATHSIG, 0, 0, 0, 0, 0}) : Reply::success();
}

}  // namespace

Status change_credentials(const Call& call, const std::function<Status(Credentials&)>& change) {
  LITEBOX_ASSIGN([[maybe_unused]] const bool given_up, replace_credentials(call, change));
  return {};
}

Reply sys_getuid(Call& call) { return Reply::value(call.credentials().uid); }
Reply sys_geteuid(Call& call) { return Reply::value(call.credentials().euid); }
Reply sys_getgid(Call& call) { return Reply::value(call.credentials().gid); }
Reply sys_getegid(Call& call) { return Reply::value(call.credentials().egid); }

Reply sys_getresuid(Call& call) {
  const Credentials& ids = call.credentials();
  return Reply::from(write_three(call, ids.uid, ids.euid, ids.suid));
}

Reply sys_getresgid(Call& call) {
  const Credentials& ids = call.credentials();
  return Reply::from(write_three(call, ids.gid, ids.egid, ids.sgid));
}

Reply sys_setuid(Call& call) {
  return change_ids(call, [&call](Credentials& c) { return kernel::set_uid(c, call.flags(0)); });
}

Reply sys_setgid(Call& call) {
  return change_ids(call, [&call](Credentials& c) { return kernel::set_gid(c, call.flags(0)); });
}

Reply sys_setreuid(Call& call) {
  return change_ids(call, [&call](Credentials& c) { return kernel::set_reuid(c, call.flags(0), call.flags(1)); });
}

Reply sys_setregid(Call& call) {
  return change_ids(call, [&call](Credentials& c) { return kernel::set_regid(c, call.flags(0), call.flags(1)); });
}

Reply sys_setresuid(Call& call) {
  return change_ids(call,
                    [&call](Credentials& c) { return kernel::set_resuid(c, call.flags(0), call.flags(1), call.flags(2)); });
}

Reply sys_setresgid(Call& call) {
  return change_ids(call,
                    [&call](Credentials& c) { return kernel::set_resgid(c, call.flags(0), call.flags(1), call.flags(2)); });
}

// No error can be told from a previous id here; the answer is that id whether or not it changed.
Reply sys_setfsuid(Call& call) {
  uid_t previous = call.credentials().fsuid;
  LITEBOX_CHECK_REPLY(change_credentials(call, [&](Credentials& c) -> Status {
    previous = kernel::set_fsuid(c, call.flags(0));
    return {};
  }));
  return Reply::value(previous);
}

Reply sys_setfsgid(Call& call) {
  gid_t previous = call.credentials().fsgid;
  LITEBOX_CHECK_REPLY(change_credentials(call, [&](Credentials& c) -> Status {
    previous = kernel::set_fsgid(c, call.flags(0));
    return {};
  }));
  return Reply::value(previous);
}

}  // namespace litebox::syscalls
