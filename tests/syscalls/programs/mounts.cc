// What the flags of a mount forbid: read-only, nodev, noexec, nosymfollow, and the borders between mounts.
//
// The driver mounts /mnt/ro (ro), /mnt/nodev (nodev), /mnt/noexec (noexec) and /mnt/tmp (a tmpfs), the first three with the
// files that this program expects.
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <utime.h>

#include "report.h"

namespace {

void read_only() {
  if (chdir("/mnt/ro") != 0) say("no /mnt/ro");
  TRY_OPEN(open("file", O_RDONLY));
  TRY_OPEN(open("file", O_RDWR));
  TRY_OPEN(open("file", O_RDONLY | O_TRUNC));
  TRY_OPEN(open("file", O_RDONLY | O_CREAT, 0644));
  TRY_OPEN(open("file", O_RDWR | O_CREAT | O_EXCL, 0644));
  TRY_OPEN(open("new", O_RDWR | O_CREAT, 0644));
  TRY_OPEN(open(".", O_TMPFILE | O_RDWR, 0644));
  TRY_OPEN(open("fifo", O_RDWR));
  TRY_OPEN(creat("file", 0644));
  TRY(mkdir("new", 0755));
  TRY(mkdir("dir", 0755));
  TRY(rmdir("dir"));
  TRY(rmdir("missing"));
  TRY(unlink("file"));
  TRY(unlink("missing"));
  TRY(rename("file", "new"));
  TRY(rename("missing", "new"));
  TRY(link("file", "new"));
  TRY(link("file", "dir"));
  TRY(symlink("x", "new"));
  TRY(symlink("x", "file"));
  TRY(symlink("x", "new/"));
  TRY(mknod("new", S_IFIFO | 0644, 0));
  TRY(chmod("file", 0600));
  TRY(chown("file", 1, 1));
  TRY(truncate("file", 0));
  TRY(utime("file", nullptr));
  TRY(setxattr("file", "user.x", "x", 1, 0));
  TRY(removexattr("file", "user.x"));
  TRY(access("file", W_OK));
  TRY(access("file", R_OK));
  TRY(access("fifo", W_OK));
  TRY(access(".", W_OK));
  const int fd = open("file", O_RDONLY);
  TRY(fchmod(fd, 0600));
  TRY(fchown(fd, 1, 1));
  TRY(futimens(fd, nullptr));
  TRY(fsetxattr(fd, "user.x", "x", 1, 0));
  close(fd);
  struct statfs status;
  TRY(statfs(".", &status));
  say("  read-only %d", (status.f_flags & MS_RDONLY) != 0);
  in_child(
      [] {
        TRY_OPEN(open("private", O_RDONLY));
        TRY_OPEN(open("private", O_RDWR));
        TRY_OPEN(open("file", O_RDWR));
        TRY(chmod("file", 0600));
      },
      1000, 1000);
}

void no_devices() {
  if (chdir("/mnt/nodev") != 0) say("no /mnt/nodev");
  TRY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  TRY_OPEN(open("null", O_RDWR));
  TRY_OPEN(open("null", O_PATH));
  TRY(access("null", R_OK));
  TRY(unlink("null"));
  struct statfs status;
  TRY(statfs(".", &status));
  say("  nodev %d", (status.f_flags & MS_NODEV) != 0);
}

void no_execution() {
  if (chdir("/mnt/noexec") != 0) say("no /mnt/noexec");
  TRY(access("program", X_OK));
  TRY(access(".", X_OK));
  in_child([] {
    char* arguments[] = {null_pointer};
    TRY(execve("program", arguments, arguments));
  });
}

void borders() {
  if (chdir("/mnt") != 0) say("no /mnt");
  TRY(rmdir("ro"));
  TRY(unlink("ro"));
  TRY(rename("ro", "ro2"));
  TRY(mkdir("empty", 0755));
  TRY(rename("empty", "tmp"));
  TRY(rmdir("empty"));
  TRY(mkdir("tmp", 0755));
  put_file("tmp/file", "x");
  TRY(rename("tmp/file", "file"));
  TRY(link("tmp/file", "file"));
  TRY(link("tmp/file", "tmp/file2"));
  TRY(rename("tmp/file2", "tmp/file3"));
  show("tmp/file3");
  struct stat outer;
  struct stat inner;
  TRY(stat("tmp/..", &outer));
  TRY(stat(".", &inner));
  say("  same %d", outer.st_ino == inner.st_ino);
  TRY(chdir("tmp"));
  char path[64];
  TRY(syscall(SYS_getcwd, path, sizeof path));
  say("  %s", path);
  TRY(chdir(".."));
  TRY(unlink("tmp/file"));
  TRY(unlink("tmp/file3"));
}

void without_privilege() {
  in_child(
      [] {
        TRY(mount("none", "/mnt", "tmpfs", 0, nullptr));
        TRY(mount("none", "/missing", "tmpfs", 0, nullptr));
        TRY(umount2("/mnt/tmp", 0));
        TRY(umount2("/missing", 0));
        TRY(umount2("/mnt/tmp", 0x40000000));
        TRY(syscall(SYS_pivot_root, ".", "."));
      },
      1000, 1000);
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
  read_only();
  no_devices();
  no_execution();
  borders();
  without_privilege();
  return 0;
}
