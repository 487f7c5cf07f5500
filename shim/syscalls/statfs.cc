// statfs, fstatfs (fs/statfs.c).
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// f_flags as the kernel shows them (linux/statfs.h); glibc hides the first.
constexpr long kValid = 0x0020;
constexpr long kReadOnly = 0x0001;
constexpr long kNoSuid = 0x0002;
constexpr long kNoDev = 0x0004;
constexpr long kNoExec = 0x0008;
constexpr long kNoAtime = 0x0400;
constexpr long kRelatime = 0x1000;
constexpr long kNoSymlinkFollow = 0x2000;

Reply reply_statfs(const Call& call, const rootfs::Location& location, GuestAddress buffer) {
  LITEBOX_OR_REPLY(struct statfs status, location.node->file_system_status());
  if (location.mount != nullptr) {
    if (location.mount->type == "tmpfs") status.f_type = TMPFS_MAGIC;  // without privilege it is a directory of the host
    const rootfs::MountFlags& flags = location.mount->flags;
    // A host file system that is read-only stays so whatever the mount says; the other flags are the mount's own.
    long shown = kValid | (status.f_flags & kReadOnly);
    if (flags.read_only) shown |= kReadOnly;
    if (flags.no_suid) shown |= kNoSuid;
    if (flags.no_dev) shown |= kNoDev;
    if (flags.no_exec) shown |= kNoExec;
    if (flags.no_symlink_follow) shown |= kNoSymlinkFollow;
    shown |= flags.no_atime ? kNoAtime : kRelatime;
    status.f_flags = shown;
  }
  return Reply::from(call.memory.write_value(buffer, status));
}

}  // namespace

Reply sys_statfs(Call& call) {
  LITEBOX_OR_REPLY(const std::string path, call.path(0));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, AT_FDCWD, path, 0));
  return reply_statfs(call, location, call.address(1));
}

Reply sys_fstatfs(Call& call) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_descriptor(call, call.integer(0), PathDescriptors::allowed));
  return reply_statfs(call, location, call.address(1));
}

}  // namespace litebox::syscalls
