// Names of the host's files: every call that takes a path, and ways around the tree.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

static char buffer[4096];

#define PATH_ATTEMPT(name, ...)                   \
  static int try_##name(const struct target* t) { \
    (void)t;                                      \
    return claimed(#name, raw(__VA_ARGS__));      \
  }

PATH_ATTEMPT(open, SYS_open, t->file, O_RDONLY)
PATH_ATTEMPT(open_write, SYS_open, t->file, O_RDWR | O_TRUNC)
PATH_ATTEMPT(open_path, SYS_open, t->file, O_PATH)
PATH_ATTEMPT(open_directory, SYS_open, t->directory, O_RDONLY | O_DIRECTORY)
PATH_ATTEMPT(open_temporary, SYS_open, t->directory, O_RDWR | O_TMPFILE, 0600)
PATH_ATTEMPT(openat, SYS_openat, AT_FDCWD, t->file, O_RDONLY)
PATH_ATTEMPT(creat, SYS_creat, t->file, 0600)
PATH_ATTEMPT(stat, SYS_stat, t->file, buffer)
PATH_ATTEMPT(lstat, SYS_lstat, t->file, buffer)
PATH_ATTEMPT(newfstatat, SYS_newfstatat, AT_FDCWD, t->file, buffer, 0)
PATH_ATTEMPT(newfstatat_empty_flag, SYS_newfstatat, AT_FDCWD, t->file, buffer, AT_EMPTY_PATH)
PATH_ATTEMPT(statx, SYS_statx, AT_FDCWD, t->file, 0, 0x7ff, buffer)
PATH_ATTEMPT(statfs, SYS_statfs, t->file, buffer)
PATH_ATTEMPT(access, SYS_access, t->file, F_OK)
PATH_ATTEMPT(faccessat, SYS_faccessat, AT_FDCWD, t->file, F_OK)
PATH_ATTEMPT(faccessat2, 439, AT_FDCWD, t->file, F_OK, 0)
PATH_ATTEMPT(readlink, SYS_readlink, t->file, buffer, sizeof buffer)
PATH_ATTEMPT(chdir, SYS_chdir, t->directory)
PATH_ATTEMPT(chroot, SYS_chroot, t->directory)
PATH_ATTEMPT(chmod, SYS_chmod, t->file, 0777)
PATH_ATTEMPT(fchmodat, SYS_fchmodat, AT_FDCWD, t->file, 0777)
PATH_ATTEMPT(fchmodat2, 452, AT_FDCWD, t->file, 0777, 0)
PATH_ATTEMPT(chown, SYS_chown, t->file, 1, 1)
PATH_ATTEMPT(lchown, SYS_lchown, t->file, 1, 1)
PATH_ATTEMPT(fchownat, SYS_fchownat, AT_FDCWD, t->file, 1, 1, 0)
PATH_ATTEMPT(utime, SYS_utime, t->file, 0)
PATH_ATTEMPT(utimes, SYS_utimes, t->file, 0)
PATH_ATTEMPT(futimesat, SYS_futimesat, AT_FDCWD, t->file, 0)
PATH_ATTEMPT(utimensat, SYS_utimensat, AT_FDCWD, t->file, 0, 0)
PATH_ATTEMPT(truncate, SYS_truncate, t->file, 0)
PATH_ATTEMPT(setxattr, SYS_setxattr, t->file, "user.x", "1", 1, 0)
PATH_ATTEMPT(lsetxattr, SYS_lsetxattr, t->file, "user.x", "1", 1, 0)
PATH_ATTEMPT(getxattr, SYS_getxattr, t->file, "user.canary", buffer, sizeof buffer)
PATH_ATTEMPT(listxattr, SYS_listxattr, t->file, buffer, sizeof buffer)
PATH_ATTEMPT(removexattr, SYS_removexattr, t->file, "user.canary")
PATH_ATTEMPT(setxattrat, 463, AT_FDCWD, t->file, 0, "user.x", buffer, 16)
PATH_ATTEMPT(getxattrat, 464, AT_FDCWD, t->file, 0, "user.canary", buffer, 16)
PATH_ATTEMPT(file_getattr, 468, AT_FDCWD, t->file, buffer, 24, 0)
PATH_ATTEMPT(link_from, SYS_link, t->file, "/tmp/stolen")
PATH_ATTEMPT(linkat_from, SYS_linkat, AT_FDCWD, t->file, AT_FDCWD, "/tmp/stolen", AT_SYMLINK_FOLLOW)
PATH_ATTEMPT(rename_from, SYS_rename, t->file, "/tmp/stolen")
PATH_ATTEMPT(renameat2_from, SYS_renameat2, AT_FDCWD, t->file, AT_FDCWD, "/tmp/stolen", 0)
PATH_ATTEMPT(unlink, SYS_unlink, t->file)
PATH_ATTEMPT(unlinkat, SYS_unlinkat, AT_FDCWD, t->file, 0)
PATH_ATTEMPT(rmdir, SYS_rmdir, t->directory)
PATH_ATTEMPT(name_to_handle_at, SYS_name_to_handle_at, AT_FDCWD, t->file, buffer, buffer + 256, 0)
PATH_ATTEMPT(inotify_add_watch, SYS_inotify_add_watch, raw(SYS_inotify_init1, 0), t->directory, 2)
PATH_ATTEMPT(fanotify_init, SYS_fanotify_init, 0, 0)
PATH_ATTEMPT(mount_bind, SYS_mount, t->directory, "/tmp", "", 4096, 0)
PATH_ATTEMPT(umount, SYS_umount2, t->directory, 2)
PATH_ATTEMPT(pivot_root, SYS_pivot_root, t->directory, t->directory)
PATH_ATTEMPT(open_tree, 428, AT_FDCWD, t->directory, 0)
PATH_ATTEMPT(open_tree_clone, 428, AT_FDCWD, t->directory, 1)
PATH_ATTEMPT(swapon, SYS_swapon, t->file, 0)
PATH_ATTEMPT(acct, SYS_acct, t->file)
PATH_ATTEMPT(uselib, SYS_uselib, t->file)
PATH_ATTEMPT(quotactl, SYS_quotactl, 0x800002, t->file, 0, buffer)

static int try_in_directory(const struct target* t) {
  char path[4096];
  snprintf(path, sizeof path, "%s/made-by-a-guest", t->directory);
  return claimed("mkdir", raw(SYS_mkdir, path, 0700)) + claimed("mkdirat", raw(SYS_mkdirat, AT_FDCWD, path, 0700)) +
         claimed("mknod", raw(SYS_mknod, path, S_IFREG | 0600, 0)) + claimed("symlink", raw(SYS_symlink, "/", path)) +
         claimed("open(O_CREAT)", raw(SYS_open, path, O_CREAT | O_WRONLY, 0600)) +
         claimed("link to", raw(SYS_link, "/etc/passwd", path)) + claimed("rename to", raw(SYS_rename, "/etc/passwd", path));
}

static int try_openat2(const struct target* t) {
  static const unsigned long resolves[] = {0, 1, 2, 4, 8, 16, 32};
  int claims = 0;
  for (size_t i = 0; i < sizeof resolves / sizeof resolves[0]; ++i) {
    struct open_how how = {.flags = O_RDONLY, .resolve = resolves[i]};
    claims += claimed("openat2", raw(SYS_openat2, AT_FDCWD, t->file, &how, sizeof how));
    how.flags = O_PATH;
    claims += claimed("openat2(O_PATH)", raw(SYS_openat2, AT_FDCWD, t->file, &how, sizeof how));
  }
  return claims;
}

static int try_exec(const struct target* t) {
  char* argv[] = {"x", NULL};
  int claims = claimed("execve", raw(SYS_execve, t->file, argv, argv + 1));
  return claims + claimed("execveat", raw(SYS_execveat, AT_FDCWD, t->file, argv, argv + 1, 0));
}

// The host path once more, behind enough "..", through every directory that can be held.
static int through(int directory, const struct target* t, const char* what) {
  char path[4096 + 64] = "";
  for (int i = 0; i < 16; ++i) strcat(path, "../");
  strncat(path, t->file + 1, 4000);
  int claims = claimed(what, raw(SYS_openat, directory, path, O_RDONLY));
  claims += claimed(what, raw(SYS_newfstatat, directory, path, buffer, 0));
  if (raw(SYS_fchdir, directory) == 0) claims += claimed(what, raw(SYS_open, path, O_RDONLY));
  return claims;
}

static int try_dot_dot(const struct target* t) {
  static const char* const starts[] = {"/", "/tmp", "/proc", "/proc/self", "/proc/self/fd", "/dev", "/dev/shm", "/sys", "/etc"};
  int claims = 0;
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; ++i) {
    const long directory = raw(SYS_open, starts[i], O_RDONLY | O_DIRECTORY);
    if (directory >= 0) claims += through((int)directory, t, starts[i]);
    const long path_only = raw(SYS_open, starts[i], O_PATH);
    if (path_only >= 0) claims += through((int)path_only, t, starts[i]);
  }
  return claims;
}

static int try_chroot_breakout(const struct target* t) {
  const long root = raw(SYS_open, "/", O_RDONLY | O_DIRECTORY);
  raw(SYS_mkdir, "/tmp/jail", 0755);
  if (raw(SYS_chroot, "/tmp/jail") != 0) return 0;
  raw(SYS_fchdir, root);
  for (int i = 0; i < 32; ++i) raw(SYS_chdir, "..");
  raw(SYS_chroot, ".");
  return claimed("open after breaking out", raw(SYS_open, t->file, O_RDONLY));
}

static int try_symlinks(const struct target* t) {
  raw(SYS_unlink, "/tmp/out");
  raw(SYS_symlink, t->file, "/tmp/out");
  raw(SYS_unlink, "/tmp/up");
  raw(SYS_symlink, t->directory, "/tmp/up");
  int claims = claimed("open through a symlink", raw(SYS_open, "/tmp/out", O_RDONLY));
  claims += claimed("stat through a symlink", raw(SYS_stat, "/tmp/out", buffer));
  claims += claimed("chmod through a symlink", raw(SYS_chmod, "/tmp/out", 0777));
  claims += claimed("open through a directory symlink", raw(SYS_open, "/tmp/up/canary", O_RDONLY));
  return claims;
}

static int try_proc(const struct target* t) {
  static const char* const prefixes[] = {"/proc/self/root",        "/proc/1/root", "/proc/self/cwd",
                                         "/proc/thread-self/root", "/proc/1/cwd",  "/proc/self/task/1/root"};
  int claims = 0;
  char path[5000];
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; ++i) {
    snprintf(path, sizeof path, "%s%s", prefixes[i], t->file);
    claims += claimed(path, raw(SYS_open, path, O_RDONLY));
  }
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    static const char* const names[] = {"", "/root", "/cwd", "/exe", "/fd", "/fd/0", "/mem", "/environ", "/maps", "/status"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; ++n) {
      snprintf(path, sizeof path, "/proc/%d%s", t->pids[i], names[n]);
      claims += claimed(path, raw(SYS_open, path, O_RDONLY));
      claims += claimed(path, raw(SYS_stat, path, buffer));
    }
  }
  return claims;
}

// What the shim hands out for its own sake (the loader, a program, its interpreter) may not be left writable to a guest.
static int try_overwrite_loader(const struct target* t) {
  (void)t;
  int claims = 0;
  for (int fd = 3; fd < 64; ++fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    claims += claimed(path, raw(SYS_open, path, O_RDWR));
  }
  return claims;
}

static int try_leaked_descriptors(const struct target* t) {
  (void)t;
  int claims = 0;
  for (int fd = 3; fd < 4096; ++fd) {
    const long flags = raw(SYS_fcntl, fd, F_GETFD);
    if (flags >= 0) claims += claimed("a descriptor that was left open", fd);
  }
  return claims;
}

static int try_raw_disk(const struct target* t) {
  (void)t;
  int claims = 0;
  raw(SYS_mknod, "/tmp/disk", S_IFBLK | 0600, 254 << 8);
  claims += claimed("open a block device", raw(SYS_open, "/tmp/disk", O_RDONLY));
  raw(SYS_mknod, "/tmp/mem", S_IFCHR | 0600, 0x101);
  claims += claimed("open /dev/mem", raw(SYS_open, "/tmp/mem", O_RDONLY));
  raw(SYS_mknod, "/tmp/kmsg", S_IFCHR | 0600, 0x10b);
  claims += claimed("open /dev/kmsg", raw(SYS_open, "/tmp/kmsg", O_RDWR));
  return claims;
}

#define ENTRY(name) \
  { #name, try_##name }
const struct attempt file_attempts[] = {ENTRY(open),
                                        ENTRY(open_write),
                                        ENTRY(open_path),
                                        ENTRY(open_directory),
                                        ENTRY(open_temporary),
                                        ENTRY(openat),
                                        ENTRY(creat),
                                        ENTRY(stat),
                                        ENTRY(lstat),
                                        ENTRY(newfstatat),
                                        ENTRY(newfstatat_empty_flag),
                                        ENTRY(statx),
                                        ENTRY(statfs),
                                        ENTRY(access),
                                        ENTRY(faccessat),
                                        ENTRY(faccessat2),
                                        ENTRY(readlink),
                                        ENTRY(chdir),
                                        ENTRY(chroot),
                                        ENTRY(chmod),
                                        ENTRY(fchmodat),
                                        ENTRY(fchmodat2),
                                        ENTRY(chown),
                                        ENTRY(lchown),
                                        ENTRY(fchownat),
                                        ENTRY(utime),
                                        ENTRY(utimes),
                                        ENTRY(futimesat),
                                        ENTRY(utimensat),
                                        ENTRY(truncate),
                                        ENTRY(setxattr),
                                        ENTRY(lsetxattr),
                                        ENTRY(getxattr),
                                        ENTRY(listxattr),
                                        ENTRY(removexattr),
                                        ENTRY(setxattrat),
                                        ENTRY(getxattrat),
                                        ENTRY(file_getattr),
                                        ENTRY(link_from),
                                        ENTRY(linkat_from),
                                        ENTRY(rename_from),
                                        ENTRY(renameat2_from),
                                        ENTRY(unlink),
                                        ENTRY(unlinkat),
                                        ENTRY(rmdir),
                                        ENTRY(name_to_handle_at),
                                        ENTRY(inotify_add_watch),
                                        ENTRY(fanotify_init),
                                        ENTRY(mount_bind),
                                        ENTRY(umount),
                                        ENTRY(pivot_root),
                                        ENTRY(open_tree),
                                        ENTRY(open_tree_clone),
                                        ENTRY(swapon),
                                        ENTRY(acct),
                                        ENTRY(uselib),
                                        ENTRY(quotactl),
                                        ENTRY(in_directory),
                                        ENTRY(openat2),
                                        ENTRY(exec),
                                        ENTRY(dot_dot),
                                        ENTRY(chroot_breakout),
                                        ENTRY(symlinks),
                                        ENTRY(proc),
                                        ENTRY(overwrite_loader),
                                        ENTRY(leaked_descriptors),
                                        ENTRY(raw_disk),
                                        {NULL, NULL}};
