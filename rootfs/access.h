// Permission checks that litebox makes itself: synthetic file systems, and host files whose ownership is recorded.
//
// The rules are Linux's, without security modules; each function names the kernel function it follows.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "rootfs/posix_acl.h"
#include "rootfs/subject.h"

namespace litebox::rootfs {

// What a check looks at of a file: its owner, group, mode (with S_IFMT) and access ACL, as the container sees them.
struct FileOwnership {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;
  PosixAclPtr acl = nullptr;  // null: the mode says all
};

// `mask` of R_OK, W_OK, X_OK: EACCES where refused (fs/namei.c, generic_permission and acl_permission_check).
Status may_access(const Identity& identity, const FileOwnership& file, int mask);

// The owner of a file, or CAP_FOWNER (fs/inode.c, inode_owner_or_capable).
bool owns(const Identity& identity, const FileOwnership& file);

// Whether an entry may be removed from `directory`: write and search permission there, and in a sticky directory the
// ownership of the directory or of the file: EACCES, EPERM (fs/namei.c, may_delete).
Status may_delete(const Identity& identity, const FileOwnership& directory, const FileOwnership& victim);

// The ownership after chmod(2) to `mode`: EPERM, or setgid dropped for an outsider to the group without CAP_FSETID
// (fs/attr.c, setattr_prepare and setattr_copy; fs/posix_acl.c, posix_acl_chmod).
Result<FileOwnership> after_chmod(const Identity& identity, const FileOwnership& file, mode_t mode);

// The ownership after chown(2); -1 leaves an id as it is. EPERM without the right; set-id bits of what is not a directory
// are dropped (fs/attr.c, chown_ok, chgrp_ok; fs/open.c, chown_common).
Result<FileOwnership> after_chown(const Identity& identity, const FileOwnership& file, uid_t uid, gid_t gid);

// The mode after a write or truncation by `identity`: set-id bits dropped without CAP_FSETID (fs/attr.c,
// setattr_should_drop_suidgid).
mode_t after_write(const Identity& identity, const FileOwnership& file);

// The ownership with another access ACL, a valid one, or with none: the mode follows an ACL, and loses setgid for an outsider
// to the group without CAP_FSETID; what the mode alone can say is no ACL (fs/posix_acl.c, set_posix_acl and
// posix_acl_update_mode). EPERM.
Result<FileOwnership> after_set_acl(const Identity& identity, const FileOwnership& file, const PosixAclPtr& acl);

// The ownership of a new file of type and permissions `mode` in `directory`: `default_acl`, the directory's, takes the place of
// the umask unless it is null (fs/inode.c, inode_init_owner and mode_strip_sgid; fs/posix_acl.c, posix_acl_create).
FileOwnership of_new_file(const Identity& identity, const FileOwnership& directory, const PosixAcl* default_acl, mode_t mode,
                          mode_t umask);

}  // namespace litebox::rootfs
