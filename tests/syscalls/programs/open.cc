// open(2), openat(2), creat(2): flags, modes and the order of errors.
#include "report.h"

namespace {

void existing_files() {
  put_file("file", "content");
  mkdir("dir", 0755);
  symlink("file", "link");
  symlink("dir", "dirlink");
  symlink("missing", "dangling");
  symlink("loop", "loop");
  TRY_OPEN(open("file", O_RDONLY));
  TRY_OPEN(open("file/", O_RDONLY));
  TRY_OPEN(open("file/x", O_RDONLY));
  TRY_OPEN(open("dir", O_RDONLY));
  TRY_OPEN(open("dir/", O_RDONLY));
  TRY_OPEN(open("dir", O_WRONLY));
  TRY_OPEN(open("dir", O_RDWR));
  TRY_OPEN(open("dir", O_RDONLY | O_TRUNC));
  TRY_OPEN(open("dir", O_RDONLY | O_CREAT, 0644));
  TRY_OPEN(open("dir/", O_RDONLY | O_CREAT, 0644));
  TRY_OPEN(open("dir", O_RDONLY | O_CREAT | O_EXCL, 0644));
  TRY_OPEN(open(".", O_RDONLY | O_CREAT, 0644));
  TRY_OPEN(open("..", O_RDONLY | O_CREAT | O_EXCL, 0644));
  TRY_OPEN(open("/", O_RDWR));
  TRY_OPEN(open("file", O_RDONLY | O_DIRECTORY));
  TRY_OPEN(open("link", O_RDONLY));
  TRY_OPEN(open("link", O_RDONLY | O_NOFOLLOW));
  TRY_OPEN(open("link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
  TRY_OPEN(open("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY_OPEN(open("dirlink/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY_OPEN(open("dirlink", O_RDONLY | O_DIRECTORY));
  TRY_OPEN(open("dangling", O_RDONLY));
  TRY_OPEN(open("loop", O_RDONLY));
  TRY_OPEN(open("loop/x", O_RDONLY));
  TRY_OPEN(open("missing", O_RDONLY));
  TRY_OPEN(open("missing/x", O_RDONLY));
  TRY_OPEN(open("missing/x", O_RDWR | O_CREAT, 0644));
  TRY_OPEN(open("", O_RDONLY));
  TRY_OPEN(open("", O_RDWR | O_CREAT, 0644));
  TRY_OPEN(open(null_pointer, O_RDONLY));
  TRY_OPEN(open(bad_pointer, O_RDONLY));
  TRY_OPEN(open("file", O_RDONLY | O_EXCL));
  TRY_OPEN(open("file", 3));
}

void long_names() {
  char name[300];
  memset(name, 'n', sizeof name);
  name[255] = '\0';
  TRY_OPEN(open(name, O_RDONLY));
  TRY_OPEN(open(name, O_RDWR | O_CREAT, 0600));
  TRY(unlink(name));
  name[255] = 'n';
  name[256] = '\0';
  TRY_OPEN(open(name, O_RDONLY));
  TRY_OPEN(open(name, O_RDWR | O_CREAT, 0600));
  static char path[5000];
  for (size_t i = 0; i < sizeof path; ++i) path[i] = i % 2 == 0 ? '.' : '/';
  path[4095] = '\0';
  TRY_OPEN(open(path, O_RDONLY));
  path[4095] = '/';
  path[4096] = '\0';
  TRY_OPEN(open(path, O_RDONLY));
}

void creation() {
  TRY_OPEN(open("new", O_RDWR | O_CREAT, 0666));
  show("new");
  TRY_OPEN(open("new", O_RDWR | O_CREAT | O_EXCL, 0666));
  TRY_OPEN(open("new2/", O_RDWR | O_CREAT, 0666));
  TRY_OPEN(open("new3", O_RDWR | O_CREAT, 07777));
  show("new3");
  TRY_OPEN(open("unreadable", O_RDWR | O_CREAT, 0));
  show("unreadable");
  TRY_OPEN(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
  TRY_OPEN(open("dangling", O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
  TRY_OPEN(open("dangling", O_RDWR | O_CREAT, 0644));
  show("missing");
  TRY(unlink("missing"));
  symlink("slash/", "to_slash");
  TRY_OPEN(open("to_slash", O_RDWR | O_CREAT, 0644));
  symlink("round", "round");
  symlink("round/", "to_round");
  TRY_OPEN(open("to_round", O_RDWR | O_CREAT, 0644));
  TRY_OPEN(open("round//", O_RDWR | O_CREAT, 0644));
  TRY_OPEN(open("to_slash", O_RDWR | O_CREAT | O_EXCL, 0644));
  TRY_OPEN(open("dir/./", O_RDWR | O_CREAT, 0644));
  symlink("dir/in", "into_dir");
  TRY_OPEN(open("into_dir", O_RDWR | O_CREAT, 0644));
  show("dir/in");
  TRY_OPEN(open("dirlink/through", O_RDWR | O_CREAT, 0644));
  show("dir/through");
  TRY_OPEN(creat("made", 0777));
  show("made");
  umask(077);
  TRY_OPEN(open("masked", O_RDWR | O_CREAT, 0666));
  show("masked");
  umask(022);
  put_file("full", "some text");
  TRY_OPEN(open("full", O_RDONLY | O_TRUNC));
  show("full");
  TRY_OPEN(open("new4", O_RDWR | O_CREAT | O_DIRECTORY, 0644));
  show("new4");
}

void descriptor_flags() {
  const int fd = open("flags", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  TRY(fcntl(fd, F_GETFD));
  TRY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC));
  close(fd);
  const int second = open("flags", O_WRONLY | O_NONBLOCK | O_SYNC);
  TRY(fcntl(second, F_GETFD));
  TRY(fcntl(second, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC));
  TRY(write(second, "x", 1));
  char byte;
  TRY(read(second, &byte, 1));
  close(second);
}

void relative_to_descriptors() {
  const int dir = open("dir", O_RDONLY | O_DIRECTORY);
  const int file = open("file", O_RDONLY);
  TRY_OPEN(openat(dir, "at", O_RDWR | O_CREAT, 0644));
  show("dir/at");
  TRY_OPEN(openat(file, "at", O_RDONLY));
  TRY_OPEN(openat(99, "at", O_RDONLY));
  TRY_OPEN(openat(99, "/", O_RDONLY));
  TRY_OPEN(openat(99, "", O_RDONLY));
  TRY_OPEN(openat(-1, "at", O_RDONLY));
  TRY_OPEN(openat(dir, "../file", O_RDONLY));
  TRY_OPEN(openat(dir, "..", O_RDONLY));
  close(dir);
  close(file);
  const int removed = (mkdir("gone", 0755), open("gone", O_RDONLY));
  TRY(rmdir("gone"));
  TRY_OPEN(openat(removed, "x", O_RDWR | O_CREAT, 0644));
  TRY_OPEN(openat(removed, ".", O_RDONLY));
  TRY_OPEN(openat(removed, "..", O_RDONLY));
  close(removed);
}

void path_descriptors() {
  const int dir = open("dir", O_PATH);
  TRY_OPEN(openat(dir, "at", O_RDONLY));
  char byte;
  TRY(read(dir, &byte, 1));
  TRY(fcntl(dir, F_GETFL) & O_PATH);
  TRY(fchmod(dir, 0700));
  TRY(fchown(dir, 0, 0));
  TRY(fchdir(dir));
  TRY(chdir(".."));
  close(dir);
  const int link = static_cast<int>(TRY(open("link", O_PATH | O_NOFOLLOW)));
  struct stat status;
  TRY(fstat(link, &status));
  show_stat("link", status);
  char target[64] = {};
  TRY(readlinkat(link, "", target, sizeof target));
  TRY_OPEN(openat(link, "", O_RDONLY));
  TRY_OPEN(openat(link, "x", O_RDONLY));
  close(link);
  TRY_OPEN(open("dangling", O_PATH));
  TRY_OPEN(open("dangling", O_PATH | O_NOFOLLOW));
  TRY_OPEN(open("file", O_PATH | O_DIRECTORY));
  TRY_OPEN(open("nothere", O_PATH | O_CREAT, 0644));
  in_child([] { TRY_OPEN(open("unreadable", O_PATH)); }, 1000, 1000);
}

void temporary_files() {
  const int fd = static_cast<int>(TRY(open("dir", O_TMPFILE | O_RDWR, 0640)));
  struct stat status;
  TRY(fstat(fd, &status));
  say("  mode %o links %lu", status.st_mode, static_cast<unsigned long>(status.st_nlink));
  TRY(write(fd, "temporary", 9));
  TRY(linkat(fd, "", AT_FDCWD, "linked", AT_EMPTY_PATH));
  show("linked");
  show_file("linked");
  close(fd);
  TRY_OPEN(open("dir", O_TMPFILE | O_RDONLY, 0640));
  TRY_OPEN(open("file", O_TMPFILE | O_RDWR, 0640));
  TRY_OPEN(open("nothere", O_TMPFILE | O_RDWR, 0640));
  const int exclusive = static_cast<int>(TRY(open("dir", O_TMPFILE | O_RDWR | O_EXCL, 0640)));
  TRY(linkat(exclusive, "", AT_FDCWD, "linked2", AT_EMPTY_PATH));
  close(exclusive);
}

void permissions() {
  put_file("private", "secret", 0600);
  put_file("readable", "public", 0644);
  put_file("open_to_all", "x", 0644);
  chmod("open_to_all", 0666);
  mkdir("closed", 0700);
  put_file("closed/in", "x");
  mkdir("writable", 0755);
  chmod("writable", 0777);
  mkfifo("fifo", 0644);
  mknod("socket", S_IFSOCK | 0644, 0);
  mkdir("sticky", 0755);
  chmod("sticky", 01777);
  symlink("../readable", "sticky/link");
  in_child(
      [] {
        TRY_OPEN(open("private", O_RDONLY));
        TRY_OPEN(open("readable", O_RDONLY));
        TRY_OPEN(open("readable", O_RDWR));
        TRY_OPEN(open("readable", O_RDONLY | O_TRUNC));
        TRY_OPEN(open("readable", O_RDONLY | O_CREAT, 0644));
        TRY_OPEN(open("readable", O_RDWR | O_CREAT | O_EXCL, 0644));
        TRY_OPEN(open("fifo", O_RDONLY | O_NONBLOCK));
        TRY_OPEN(open("fifo", O_RDONLY | O_NONBLOCK | O_TRUNC));
        TRY_OPEN(open("sticky/link", O_RDONLY | O_NOFOLLOW));
        TRY_OPEN(open("sticky/link", O_RDONLY | O_NOFOLLOW | O_CREAT, 0644));
        TRY_OPEN(open("closed/in", O_RDONLY));
        TRY_OPEN(open("closed/none", O_RDONLY));
        TRY_OPEN(open("closed", O_RDONLY));
        TRY_OPEN(open("closed", O_PATH));
        TRY_OPEN(open("nocreate", O_RDWR | O_CREAT, 0644));
        TRY_OPEN(open("readable", O_RDONLY | O_NOATIME));
        TRY_OPEN(open("open_to_all", O_RDWR | O_NOATIME));
        TRY_OPEN(open("socket", O_RDONLY | O_NOATIME));
        TRY_OPEN(open("open_to_all", O_RDWR | O_APPEND));
        TRY_OPEN(open("writable/mine", O_RDWR | O_CREAT, 0444));
        TRY_OPEN(open("writable/mine", O_RDWR));
        TRY_OPEN(open("writable/none", O_WRONLY | O_CREAT, 0));
        TRY_OPEN(open("writable/none", O_RDONLY));
        TRY_OPEN(open("writable/mine", O_RDONLY | O_NOATIME));
        show("writable/mine");
        TRY_OPEN(open("writable", O_TMPFILE | O_RDWR, 0));
        TRY_OPEN(open(".", O_TMPFILE | O_RDWR, 0600));
      },
      1000, 1000);
  show("readable");
  // A directory that is gone, before one that may not be written to.
  const int here = open(".", O_RDONLY | O_DIRECTORY);
  mkdir("gone", 0755);
  TRY(chdir("gone"));
  rmdir("../gone");
  in_child(
      [] {
        TRY(mkdir("x", 0755));
        TRY(symlink("x", "x"));
        TRY_OPEN(open("x", O_RDWR | O_CREAT, 0644));
      },
      1000, 1000);
  (void)!fchdir(here);
  close(here);
}

void set_group_directories() {
  mkdir("shared", 0755);
  chown("shared", 0, 77);
  chmod("shared", 02775);
  TRY_OPEN(open("shared/file", O_RDWR | O_CREAT, 0644));
  show("shared/file");
  TRY(mkdir("shared/sub", 0755));
  show("shared/sub");
  TRY(mknod("shared/fifo", S_IFIFO | 0644, 0));
  show("shared/fifo");
  TRY_OPEN(open("shared/sgid", O_RDWR | O_CREAT, 02755));
  show("shared/sgid");
}

}  // namespace

int main() {
  enter_work_directory("open");
  existing_files();
  long_names();
  creation();
  descriptor_flags();
  relative_to_descriptors();
  path_descriptors();
  temporary_files();
  permissions();
  set_group_directories();
  return 0;
}
