// access, faccessat, faccessat2 (fs/open.c do_faccessat).
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <unistd.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// access(2) asks what the real ids may do, with the capabilities that the caller would have under them
// (access_override_creds).
rootfs::Subject real_subject(const Call& call) {
  const kernel::Credentials& credentials = call.credentials();
  auto identity = std::make_shared<rootfs::Identity>();
  identity->uid = credentials.uid;
  identity->gid = credentials.gid;
  identity->groups = credentials.groups;
  identity->capabilities = credentials.effective;
  if ((credentials.securebits & SECBIT_NO_SETUID_FIXUP) == 0) {
    identity->capabilities = credentials.uid == 0 ? credentials.permitted : 0;
  }
  rootfs::Subject subject = call.subject();
  subject.identity = std::move(identity);
  return subject;
}

Reply check_access(const Call& call, int dirfd, int path_index, unsigned mode, unsigned flags) {
  if ((mode & ~static_cast<unsigned>(R_OK | W_OK | X_OK)) != 0) return Reply::error(EINVAL);
  constexpr unsigned kKnown = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  if ((flags & ~kKnown) != 0) return Reply::error(EINVAL);
  const rootfs::Subject subject = (flags & AT_EACCESS) != 0 ? call.subject() : real_subject(call);
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, subject, dirfd, path, flags));
  if (mode == F_OK) return Reply::success();
  return Reply::from(rootfs::Tree::check_access(subject, location, static_cast<int>(mode)));
}

}  // namespace

Reply sys_access(Call& call) { return check_access(call, AT_FDCWD, 0, call.flags(1), 0); }

Reply sys_faccessat(Call& call) { return check_access(call, call.integer(0), 1, call.flags(2), 0); }

Reply sys_faccessat2(Call& call) { return check_access(call, call.integer(0), 1, call.flags(2), call.flags(3)); }

}  // namespace litebox::syscalls
