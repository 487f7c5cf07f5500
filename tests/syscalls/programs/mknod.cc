// mknod(2), mknodat(2), and what can be opened of it.
#include <sys/sysmacros.h>

#include "report.h"

namespace {

void show_device(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0) return;
  say("  %s: mode %o device %u:%u uid %u gid %u", path, status.st_mode, major(status.st_rdev), minor(status.st_rdev),
      status.st_uid, status.st_gid);
}

}  // namespace

int main() {
  enter_work_directory("mknod");
  mkdir("dir", 0755);
  put_file("file", "x");
  TRY(mknod("regular", S_IFREG | 0640, 0));
  show("regular");
  TRY(mknod("typeless", 0600, 0));
  show("typeless");
  TRY(mknod("fifo", S_IFIFO | 0666, 0));
  show("fifo");
  TRY(mknod("socket", S_IFSOCK | 0755, 0));
  show("socket");
  TRY_OPEN(open("socket", O_RDONLY));
  TRY_OPEN(open("socket", O_PATH));
  TRY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  show_device("null");
  TRY(mknod("block", S_IFBLK | 0600, makedev(7, 300)));
  show_device("block");
  TRY(mknod("whiteout", S_IFCHR | 0, makedev(0, 0)));
  show_device("whiteout");
  TRY_OPEN(open("whiteout", O_RDONLY));
  TRY(mknod("dir2", S_IFDIR | 0755, 0));
  TRY(mknod("link", S_IFLNK | 0777, 0));
  TRY(mknod("odd", 0170000 | 0777, 0));
  TRY(mknod("missing/odd", S_IFDIR | 0777, 0));
  TRY(mknod("file", S_IFIFO | 0644, 0));
  TRY(mknod("dir/", S_IFIFO | 0644, 0));
  TRY(mknod("new/", S_IFIFO | 0644, 0));
  TRY(mknod("missing/x", S_IFIFO | 0644, 0));
  TRY(mknod("", S_IFIFO | 0644, 0));
  TRY(mknod(".", S_IFIFO | 0644, 0));
  TRY(syscall(SYS_mknod, null_pointer, S_IFIFO | 0644, 0));
  const int dir = open("dir", O_RDONLY);
  TRY(mknodat(dir, "fifo", S_IFIFO | 0600, 0));
  show("dir/fifo");
  TRY(mknodat(99, "fifo", S_IFIFO | 0600, 0));
  close(dir);
  TRY(rename("null", "null2"));
  show_device("null2");
  TRY(chmod("null2", 0600));
  TRY(chown("null2", 3, 4));
  show_device("null2");
  TRY(unlink("null2"));
  mkdir("open", 0755);
  chmod("open", 0777);
  in_child(
      [] {
        TRY(mknod("open/fifo", S_IFIFO | 0644, 0));
        show("open/fifo");
        TRY(mknod("open/regular", S_IFREG | 0644, 0));
        TRY(mknod("open/null", S_IFCHR | 0644, makedev(1, 3)));
        TRY(mknod("open/whiteout", S_IFCHR | 0644, 0));
        TRY(mknod("denied", S_IFIFO | 0644, 0));
        TRY(mknod("denied", S_IFCHR | 0644, makedev(1, 3)));
      },
      1000, 1000);
  return 0;
}
