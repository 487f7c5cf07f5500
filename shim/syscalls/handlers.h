// The handlers of the file families.
#pragma once

#include "shim/syscalls/call.h"

namespace litebox::syscalls {

Reply sys_access(Call& call);
Reply sys_faccessat(Call& call);
Reply sys_faccessat2(Call& call);
Reply sys_chdir(Call& call);
Reply sys_fchdir(Call& call);
Reply sys_chroot(Call& call);
Reply sys_getcwd(Call& call);
Reply sys_mkdir(Call& call);
Reply sys_mkdirat(Call& call);
Reply sys_rmdir(Call& call);
Reply sys_getdents(Call& call);
Reply sys_getdents64(Call& call);
Reply sys_inotify_add_watch(Call& call);
Reply sys_link(Call& call);
Reply sys_linkat(Call& call);
Reply sys_symlink(Call& call);
Reply sys_symlinkat(Call& call);
Reply sys_mknod(Call& call);
Reply sys_mknodat(Call& call);
Reply sys_chmod(Call& call);
Reply sys_fchmod(Call& call);
Reply sys_fchmodat(Call& call);
Reply sys_fchmodat2(Call& call);
Reply sys_umask(Call& call);
Reply sys_open(Call& call);
Reply sys_openat(Call& call);
Reply sys_creat(Call& call);
Reply sys_openat2(Call& call);
Reply sys_chown(Call& call);
Reply sys_lchown(Call& call);
Reply sys_fchown(Call& call);
Reply sys_fchownat(Call& call);
Reply sys_readlink(Call& call);
Reply sys_readlinkat(Call& call);
Reply sys_unlink(Call& call);
Reply sys_unlinkat(Call& call);
Reply sys_rename(Call& call);
Reply sys_renameat(Call& call);
Reply sys_renameat2(Call& call);
Reply sys_stat(Call& call);
Reply sys_lstat(Call& call);
Reply sys_fstat(Call& call);
Reply sys_newfstatat(Call& call);
Reply sys_statx(Call& call);
Reply sys_statfs(Call& call);
Reply sys_fstatfs(Call& call);
Reply sys_utime(Call& call);
Reply sys_utimes(Call& call);
Reply sys_futimesat(Call& call);
Reply sys_utimensat(Call& call);
Reply sys_truncate(Call& call);
Reply sys_setxattr(Call& call);
Reply sys_lsetxattr(Call& call);
Reply sys_fsetxattr(Call& call);
Reply sys_getxattr(Call& call);
Reply sys_lgetxattr(Call& call);
Reply sys_fgetxattr(Call& call);
Reply sys_listxattr(Call& call);
Reply sys_llistxattr(Call& call);
Reply sys_flistxattr(Call& call);
Reply sys_removexattr(Call& call);
Reply sys_lremovexattr(Call& call);
Reply sys_fremovexattr(Call& call);

}  // namespace litebox::syscalls
