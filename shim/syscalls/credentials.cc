// User and group ids: getuid(2), getresuid(2), setuid(2), setreuid(2), setresuid(2), setfsuid(2) and their group twins.
//
// All of it concerns the caller's record in the monitor; the kernel's own ids of a guest never change.
#include "shim/kernel/credentials.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <memory>
#include <utility>

#include "shim/kernel/native_paths.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/credentials.h"
#include "shim/syscalls/native_paths.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::Credentials;

Status write_three(const Call& call, uint32_t real, uint32_t effective, uint32_t saved) {
  LITEBOX_TRY(call.memory.write_value(call.address(0), real));
  LITEBOX_TRY(call.memory.write_value(call.address(1), effective));
  return call.memory.write_value(call.address(2), saved);
}

Status store(kernel::World& world, HostPid process, HostPid thread, const Credentials& after, bool dumpable) {
  return world.update_credentials(process, thread, [&](kernel::ProcessState& state) -> Status {
    if (!dumpable) state.dumpable = false;
    state.identity = kernel::identity_of(after);
    state.credentials = std::make_shared<Credentials>(after);
    return {};
  });
}

// A process that has given its dumpability up does not get the signal any longer that it had asked for its parent's death
// (commit_creds). Only it can say so.
Reply::InGuest forget_death_signal() { return {SYS_prctl, {{PR_SET_PDEATHSIG, 0, 0, 0, 0, 0}}}; }

Reply change(const Call& call, const std::function<Status(Credentials&)>& change, int64_t result, bool of_ids) {
  Credentials after = call.credentials();
  LITEBOX_CHECK_REPLY(change(after));
  if (!call.world.has_ids(after)) return Reply::error(EINVAL);
  const bool given_up = kernel::gives_up_dumpability(call.credentials(), after);
  const bool death_signal = of_ids && given_up;
  if (!uses_native_paths(call) || kernel::may_use_native_paths(after)) {
    LITEBOX_CHECK_REPLY(store(call.world, call.process, call.thread, after, !given_up));
    return death_signal ? Reply::in_guest(forget_death_signal()) : Reply::value(result);
  }
  // What it is to be may do less than what it can do natively: that ends first.
  after.asks_for_paths = true;
  const auto finish = [&world = call.world, process = call.process, thread = call.thread, after, given_up,
                       result](int64_t shut) -> int64_t {
    if (shut < 0) return shut;
    const Status stored = store(world, process, thread, after, !given_up);
    return stored.ok() ? result : -stored.error().number();
  };
  Reply::InGuest calls = shut_out(Shut::thread, finish);
  if (death_signal) {
    calls.then = [finish](int64_t shut) -> std::shared_ptr<Reply::InGuest> {
      if (shut < 0) return nullptr;
      auto next = std::make_shared<Reply::InGuest>(forget_death_signal());
      next->finish = finish;
      return next;
    };
  }
  return Reply::in_guest(std::move(calls));
}

Reply change_ids(const Call& call, const std::function<Status(Credentials&)>& how) { return change(call, how, 0, true); }

}  // namespace

Reply change_credentials(const Call& call, const std::function<Status(Credentials&)>& how, int64_t result) {
  return change(call, how, result, false);
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
  const auto set = [&call](Credentials& c) -> Status {
    (void)kernel::set_fsuid(c, call.flags(0));
    return {};
  };
  return change_credentials(call, set, call.credentials().fsuid);
}

Reply sys_setfsgid(Call& call) {
  const auto set = [&call](Credentials& c) -> Status {
    (void)kernel::set_fsgid(c, call.flags(0));
    return {};
  };
  return change_credentials(call, set, call.credentials().fsgid);
}

}  // namespace litebox::syscalls
