// fcntl(2): the commands that name processes. All others are the kernel's alone.
//
// The owner is a property of the open file description, so the monitor sets it on its own copy of the descriptor.
#include <fcntl.h>

#include <climits>

#include "shim/syscalls/call.h"
#include "shim/syscalls/file_owner.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// The host's owner for a guest's; ESRCH.
Result<f_owner_ex> owner_outside(const Call& call, f_owner_ex owner) {
  if (owner.pid == 0) return owner;
  if (owner.pid < 0) return Error(ESRCH);
  const HostPid named = call.world.to_host(VirtualPid(owner.pid));
  const bool inside = owner.type == F_OWNER_PGRP ? !members_of_group(call.world, named).empty() : call.world.is_member(named);
  if (!inside) return Error(ESRCH);
  owner.pid = named.value();
  return owner;
}

Result<f_owner_ex> owner_inside(const Call& call, int file) {
  f_owner_ex owner = {};
  if (fcntl(file, F_GETOWN_EX, &owner) != 0) return last_error();
  const HostPid named(owner.pid);
  owner.pid = owner.type == F_OWNER_PGRP ? group_inside(call.world, named) : process_inside(call.world, named);
  return owner;
}

Status set_owner(const Call& call, int file, const f_owner_ex& owner) {
  LITEBOX_ASSIGN(const f_owner_ex outside, owner_outside(call, owner));
  if (fcntl(file, F_SETOWN_EX, &outside) != 0) return last_error();
  return {};
}

Reply set_owner_ex(const Call& call, int file) {
  LITEBOX_OR_REPLY(const auto owner, call.memory.read_value<f_owner_ex>(call.address(2)));
  if (owner.type != F_OWNER_TID && owner.type != F_OWNER_PID && owner.type != F_OWNER_PGRP) return Reply::error(EINVAL);
  return Reply::from(set_owner(call, file, owner));
}

// A file that was handed in from outside may have an owner there, whose signals a guest must not choose.
Status check_owner_is_inside(int file, const Call& call) {
  f_owner_ex owner = {};
  if (fcntl(file, F_GETOWN_EX, &owner) != 0) return last_error();
  LITEBOX_ASSIGN(const f_owner_ex inside, owner_inside(call, file));
  if (owner.pid != 0 && inside.pid == 0) return Error(EINVAL);
  return {};
}

Reply set_signal(const Call& call, int file) {
  LITEBOX_CHECK_REPLY(check_owner_is_inside(file, call));
  return fcntl(file, F_SETSIG, call.integer(2)) == 0 ? Reply::success() : Reply::error(errno);
}

}  // namespace

Status set_file_owner(const Call& call, int file, int owner) {
  if (owner == INT_MIN) return Error(EINVAL);
  return set_owner(call, file, owner < 0 ? f_owner_ex{F_OWNER_PGRP, -owner} : f_owner_ex{F_OWNER_PID, owner});
}

Result<int> file_owner(const Call& call, int file) {
  LITEBOX_ASSIGN(const f_owner_ex owner, owner_inside(call, file));
  return owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid;
}

Reply sys_fcntl(Call& call) {
  LITEBOX_OR_REPLY(const Fd file, call.file(call.integer(0)));
  if ((fcntl(file.get(), F_GETFL) & O_PATH) != 0) return Reply::error(EBADF);
  switch (call.integer(1)) {
    case F_SETOWN:
      return Reply::from(set_file_owner(call, file.get(), call.integer(2)));
    case F_GETOWN: {
      LITEBOX_OR_REPLY(const int owner, file_owner(call, file.get()));
      return Reply::value(owner);
    }
    case F_SETOWN_EX:
      return set_owner_ex(call, file.get());
    case F_GETOWN_EX: {
      LITEBOX_OR_REPLY(const f_owner_ex owner, owner_inside(call, file.get()));
      return Reply::from(call.memory.write_value(call.address(2), owner));
    }
    case F_SETSIG:
      return set_signal(call, file.get());
    case F_NOTIFY:
      // The owner becomes the caller, so the caller makes the call. Its arguments are registers, its reach a held directory.
      LITEBOX_CHECK_REPLY(check_owner_is_inside(file.get(), call));
      return Reply::proceed();
    default:
      return Reply::error(EINVAL);
  }
}

}  // namespace litebox::syscalls
