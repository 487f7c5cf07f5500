// readlink(2), readlinkat(2), symlink(2), symlinkat(2).
#include "report.h"

namespace {

void show_link(const char* path) {
  char target[64] = {};
  const ssize_t length = readlink(path, target, sizeof target - 1);
  say("  %s -> %s", path, length < 0 ? strerrorname_np(errno) : target);
}

void making() {
  TRY(symlink("target", "link"));
  show_link("link");
  show("link");
  TRY(symlink("target", "link"));
  TRY(symlink("", "empty"));
  TRY(symlink("x", ""));
  TRY(symlink("x", "slash/"));
  TRY(symlink("x", "dir/"));
  TRY(symlink("x", "dir"));
  TRY(symlink("x", "."));
  TRY(symlink("x", "missing/y"));
  TRY(symlink("x", "file/y"));
  TRY(symlink("x/", "to_slash"));
  show_link("to_slash");
  TRY(syscall(SYS_symlink, null_pointer, "y"));
  TRY(syscall(SYS_symlink, "y", null_pointer));
  static char target[5000];
  memset(target, 't', sizeof target);
  target[4095] = '\0';
  TRY(symlink(target, "long"));
  target[4095] = 't';
  target[4096] = '\0';
  TRY(symlink(target, "longer"));
  const int dir = open("dir", O_RDONLY);
  TRY(symlinkat("../file", dir, "up"));
  show_link("dir/up");
  TRY(symlinkat("x", 99, "y"));
  TRY(symlinkat("x", 99, "/absolute_symlink_of_this_test"));
  TRY(unlink("/absolute_symlink_of_this_test"));
  close(dir);
  in_child([] { TRY(symlink("x", "denied")); }, 1000, 1000);
}

void reading() {
  char buffer[64] = {};
  TRY(readlink("link", buffer, sizeof buffer));
  TRY(readlink("link", buffer, 3));
  TRY(readlink("link", buffer, 0));
  TRY(syscall(SYS_readlink, "link", buffer, -1));
  TRY(readlink("file", buffer, sizeof buffer));
  TRY(readlink("dir", buffer, sizeof buffer));
  TRY(readlink("missing", buffer, sizeof buffer));
  TRY(readlink("", buffer, sizeof buffer));
  TRY(readlink("link/", buffer, sizeof buffer));
  TRY(readlink("dirlink/", buffer, sizeof buffer));
  TRY(readlink("dirlink", buffer, sizeof buffer));
  TRY(syscall(SYS_readlink, "link", bad_pointer, 10));
  TRY(syscall(SYS_readlink, bad_pointer, buffer, 10));
  const int fd = open("link", O_PATH | O_NOFOLLOW);
  TRY(readlinkat(fd, "", buffer, sizeof buffer));
  close(fd);
  const int dir = open("dir", O_PATH);
  TRY(readlinkat(dir, "", buffer, sizeof buffer));
  TRY(readlinkat(dir, "up", buffer, sizeof buffer));
  close(dir);
  TRY(readlinkat(AT_FDCWD, "", buffer, sizeof buffer));
  TRY(readlinkat(99, "x", buffer, sizeof buffer));
}

void through_links() {
  char name[32];
  put_file("end", "reached");
  symlink("end", "hop0");
  for (int i = 1; i <= 41; ++i) {
    char target[32];
    snprintf(target, sizeof target, "hop%d", i - 1);
    snprintf(name, sizeof name, "hop%d", i);
    symlink(target, name);
  }
  TRY_OPEN(open("hop38", O_RDONLY));
  TRY_OPEN(open("hop39", O_RDONLY));
  TRY_OPEN(open("hop40", O_RDONLY));
  TRY_OPEN(open("hop41", O_RDONLY));
  symlink("/", "root");
  TRY_OPEN(open("root/../readlink/file", O_RDONLY));
  symlink("../../../../../../readlink/file", "far_up");
  TRY_OPEN(open("far_up", O_RDONLY));
  symlink("dir/../file", "winding");
  TRY_OPEN(open("winding", O_RDONLY));
}

}  // namespace

int main() {
  enter_work_directory("readlink");
  put_file("file", "x");
  mkdir("dir", 0755);
  symlink("dir", "dirlink");
  making();
  reading();
  through_links();
  return 0;
}
