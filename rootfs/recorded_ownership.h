// Owner, group, mode, device number and POSIX ACLs of host files as an ordinary user's container sees them.
//
// A record (override_record.h) says what the host cannot; without one the monitor's own ids are the container's root and all
// others nobody's. The real mode of the monitor's own files keeps what container root needs to work on them, u+rw and for
// directories u+x, and never holds set-id bits, which would be real ones on the host; the record then has the true mode.
//
// A record says whether the file has ACLs, so that nothing is looked for where there are none. Those that the host itself
// keeps are of the host's ids, and nothing to the container.
#pragma once

#include <sys/stat.h>

#include "base/result.h"
#include "rootfs/access.h"
#include "rootfs/host_file_system.h"

namespace litebox::rootfs {

constexpr uid_t kNobody = 65534;  // the overflow id: a host id that the container has no name for

struct RecordedOwnership {
  FileOwnership file;  // `mode` with the type that the container sees
  dev_t device = 0;
  PosixAclPtr default_acl = nullptr;  // of a directory
  // The file has a record in an attribute, and keeps one. What is made in such a directory gets one, too: to podman's storage a
  // file without a record among files with one is an error.
  bool recorded = false;
};

// `status`: of `fd` on the host.
RecordedOwnership read_ownership(const HostFileSystem& file_system, int fd, const struct statx& status);

// Writes a record if one is needed or `wanted.recorded`, removes one that is not, and adapts the real mode. ACLs are written
// where they are not those of `before`, the ownership until now. EPERM, EACCES, EROFS, ENOSPC, EDQUOT.
Status write_ownership(const HostFileSystem& file_system, int fd, const struct statx& status, const RecordedOwnership& wanted,
                       const RecordedOwnership& before);

// The real mode that a file gets for the permissions `mode` (with S_IFMT): what the host may hold.
mode_t real_mode(mode_t mode);

// Whether a file of that ownership needs a record, or is to have one.
bool needs_record(const RecordedOwnership& wanted);

// Gives the monitor's own file the real mode that litebox works with, keeping the present one as the record's, so that a call
// that has just failed with EACCES can be made again. False when that changed nothing.
bool make_accessible(const HostFileSystem& file_system, int fd);

}  // namespace litebox::rootfs
