// mkdir(2), mkdirat, rmdir(2), unlink(2), unlinkat(2).
#include "report.h"

namespace {

void making() {
  TRY(mkdir("a", 0777));
  show("a");
  TRY(mkdir("a", 0777));
  TRY(mkdir("a/", 0777));
  TRY(mkdir("b/", 0700));
  show("b");
  TRY(mkdir("c///", 0));
  show("c");
  TRY(mkdir("sticky", 01777));
  show("sticky");
  TRY(mkdir("set", 06755));
  show("set");
  TRY(mkdir(".", 0755));
  TRY(mkdir("..", 0755));
  TRY(mkdir("a/.", 0755));
  TRY(mkdir("new/.", 0755));
  TRY(mkdir("/", 0755));
  TRY(mkdir("", 0755));
  TRY(mkdir("missing/x", 0755));
  TRY(mkdir("file/x", 0755));
  TRY(mkdir("file", 0755));
  TRY(mkdir("file/", 0755));
  TRY(mkdir("dangling", 0755));
  TRY(mkdir("dangling/", 0755));
  TRY(mkdir("link/x", 0755));
  show("a/x");
  TRY(syscall(SYS_mkdir, null_pointer, 0755));
  TRY(syscall(SYS_mkdir, bad_pointer, 0755));
  const int dir = open("a", O_RDONLY);
  TRY(mkdirat(dir, "y", 0750));
  show("a/y");
  TRY(mkdirat(99, "y", 0750));
  close(dir);
  umask(0);
  TRY(mkdir("open", 0777));
  show("open");
  umask(027);
  TRY(mkdir("half_open", 0777));
  show("half_open");
  umask(022);
  in_child(
      [] {
        TRY(mkdir("denied", 0755));
        TRY(mkdir("a", 0755));
        TRY(mkdir("open/mine", 0700));
        show("open/mine");
      },
      1000, 1000);
}

void removing() {
  TRY(rmdir("a"));
  TRY(rmdir("a/x/"));
  TRY(rmdir("a/y"));
  TRY(rmdir("a/."));
  TRY(rmdir("a/.."));
  TRY(rmdir("."));
  TRY(rmdir(".."));
  TRY(rmdir("/"));
  TRY(rmdir("a"));
  TRY(rmdir("a"));
  TRY(rmdir("file"));
  TRY(rmdir("file/"));
  TRY(rmdir(""));
  symlink("b", "to_b");
  TRY(rmdir("to_b"));
  TRY(rmdir("to_b/"));
  TRY(unlink("b"));
  TRY(unlink("b/"));
  TRY(unlink("file/"));
  TRY(unlink("to_b/"));
  TRY(unlink("to_b"));
  TRY(unlink("."));
  TRY(unlink(".."));
  TRY(unlink("/"));
  TRY(unlink("missing"));
  TRY(unlink("missing/"));
  TRY(unlink(""));
  TRY(syscall(SYS_unlink, null_pointer));
  TRY(unlinkat(AT_FDCWD, "b", AT_REMOVEDIR));
  TRY(unlinkat(AT_FDCWD, "b", 1));
  TRY(unlinkat(99, "b", 0));
  TRY(unlink("file"));
  show("file");
  TRY(rmdir("/proc"));
  TRY(unlink("/proc"));
}

void permissions() {
  mkdir("shared", 0755);
  chmod("shared", 01777);
  put_file("shared/roots", "x");
  mkdir("plain", 0755);
  chmod("plain", 0777);
  put_file("plain/roots", "x");
  mkdir("closed", 0755);
  put_file("closed/file", "x");
  in_child(
      [] {
        TRY(unlink("shared/roots"));
        TRY(unlink("plain/roots"));
        TRY(unlink("closed/file"));
        TRY(unlink("closed/missing"));
        TRY(rmdir("closed/file"));
        TRY(rmdir("closed"));
        put_file("shared/users", "x");
        TRY(unlink("shared/users"));
        put_file("shared/left", "x");
      },
      1000, 1000);
  in_child([] { TRY(unlink("shared/left")); }, 2000, 2000);
  TRY(unlink("shared/left"));
}

}  // namespace

int main() {
  enter_work_directory("directory");
  put_file("file", "x");
  symlink("nowhere", "dangling");
  symlink("a", "link");
  making();
  removing();
  permissions();
  return 0;
}
