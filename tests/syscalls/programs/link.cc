// link(2), linkat(2).
#include "report.h"

int main() {
  enter_work_directory("link");
  put_file("file", "content");
  mkdir("dir", 0755);
  symlink("file", "symlink");
  symlink("missing", "dangling");
  TRY(link("file", "hard"));
  show("hard");
  show("file");
  TRY(link("file", "hard"));
  TRY(link("file", "dir"));
  TRY(link("file", "dir/"));
  TRY(link("file", "new/"));
  TRY(link("file/", "new"));
  TRY(link("file", "dir/hard"));
  TRY(link("dir", "dir2"));
  TRY(link("missing", "new"));
  TRY(link("missing", "hard"));
  TRY(link("", "new"));
  TRY(link("file", ""));
  TRY(link("file", "."));
  TRY(link("file", "missing/x"));
  TRY(link("file", "file/x"));
  TRY(syscall(SYS_link, null_pointer, "new"));
  TRY(syscall(SYS_link, "file", null_pointer));
  TRY(link("symlink", "symlink2"));
  show("symlink2");
  TRY(link("dangling", "dangling2"));
  show("dangling2");
  TRY(linkat(AT_FDCWD, "symlink", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
  show("followed");
  TRY(linkat(AT_FDCWD, "dangling", AT_FDCWD, "followed2", AT_SYMLINK_FOLLOW));
  TRY(linkat(AT_FDCWD, "file", AT_FDCWD, "new", AT_SYMLINK_NOFOLLOW));
  TRY(linkat(99, "file", AT_FDCWD, "new", 0));
  TRY(linkat(AT_FDCWD, "file", 99, "new", 0));
  const int fd = open("file", O_RDONLY);
  TRY(linkat(fd, "", AT_FDCWD, "by_descriptor", 0));
  TRY(linkat(fd, "", AT_FDCWD, "by_descriptor", AT_EMPTY_PATH));
  show("by_descriptor");
  const int dir = open("dir", O_RDONLY);
  TRY(linkat(dir, "", AT_FDCWD, "of_directory", AT_EMPTY_PATH));
  TRY(linkat(dir, "hard", dir, "again", 0));
  TRY(unlink("dir/again"));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  TRY(linkat(AT_FDCWD, path, AT_FDCWD, "by_proc", AT_SYMLINK_FOLLOW));
  show("by_proc");
  TRY(linkat(AT_FDCWD, "/proc/self/status", AT_FDCWD, "other_mount", 0));
  close(fd);
  const int removed = open("by_proc", O_RDONLY);
  put_file("alone", "x");
  const int alone = open("alone", O_RDONLY);
  unlink("alone");
  TRY(linkat(alone, "", AT_FDCWD, "revived", AT_EMPTY_PATH));
  close(alone);
  close(removed);
  mkdir("open", 0755);
  chmod("open", 0777);
  put_file("roots", "x", 0644);
  put_file("closed", "x", 0600);
  in_child(
      [] {
        TRY(link("file", "denied"));
        put_file("open/mine", "x");
        TRY(link("open/mine", "open/mine2"));
        show("open/mine2");
        const int mine = open("open/mine", O_RDONLY);
        TRY(linkat(AT_FDCWD, "dir/missing", AT_FDCWD, "open/x", 0));
        close(mine);
        mkdir("open/gone", 0755);
        const int gone = open("open/gone", O_RDONLY);
        rmdir("open/gone");
        TRY(linkat(AT_FDCWD, "roots", gone, "x", 0));
        TRY(linkat(AT_FDCWD, "dir", gone, "x", 0));
        TRY(linkat(AT_FDCWD, "open/mine", gone, "x", 0));
        close(gone);
      },
      1000, 1000);
  return 0;
}
