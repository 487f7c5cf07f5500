// setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their relatives.
#include <sys/xattr.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report.h"

namespace {

void show_names(const char* path) {
  char list[4096];
  const ssize_t size = llistxattr(path, list, sizeof list);
  if (size < 0) {
    say("  listxattr: %s", strerrorname_np(errno));
    return;
  }
  std::vector<std::string> names;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(strlen(list + at)) + 1) names.emplace_back(list + at);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) say("  %s", name.c_str());
}

void user_attributes() {
  char value[64] = {};
  TRY(setxattr("file", "user.one", "value", 5, 0));
  TRY(getxattr("file", "user.one", value, sizeof value));
  say("  %s", value);
  TRY(getxattr("file", "user.one", nullptr, 0));
  TRY(getxattr("file", "user.one", value, 3));
  TRY(getxattr("file", "user.none", value, sizeof value));
  TRY(setxattr("file", "user.one", "other", 5, XATTR_CREATE));
  TRY(setxattr("file", "user.two", "other", 5, XATTR_REPLACE));
  TRY(setxattr("file", "user.one", "longer value", 12, XATTR_REPLACE));
  TRY(setxattr("file", "user.two", "", 0, XATTR_CREATE));
  TRY(getxattr("file", "user.two", value, sizeof value));
  TRY(setxattr("file", "user.one", "x", 1, 4));
  TRY(setxattr("file", "user.one", "x", 1, XATTR_CREATE | XATTR_REPLACE));
  show_names("file");
  TRY(listxattr("file", nullptr, 0));
  TRY(listxattr("file", value, 4));
  TRY(removexattr("file", "user.two"));
  TRY(removexattr("file", "user.two"));
  TRY(setxattr("dir", "user.dir", "x", 1, 0));
  TRY(setxattr("link", "user.through", "x", 1, 0));
  TRY(lsetxattr("link", "user.on_link", "x", 1, 0));
  TRY(lgetxattr("link", "user.on_link", value, sizeof value));
  TRY(setxattr("fifo", "user.fifo", "x", 1, 0));
  TRY(getxattr("fifo", "user.fifo", value, sizeof value));
  show_names("file");
  show_names("dir");
  show_names("link");
}

void descriptors() {
  char value[64];
  const int fd = open("file", O_RDONLY);
  TRY(fsetxattr(fd, "user.fd", "x", 1, 0));
  TRY(fgetxattr(fd, "user.fd", value, sizeof value));
  TRY(flistxattr(fd, nullptr, 0) > 0);
  TRY(fremovexattr(fd, "user.fd"));
  TRY(fgetxattr(fd, "user.fd", value, sizeof value));
  close(fd);
  TRY(fsetxattr(99, "user.fd", "x", 1, 0));
  const int path = open("file", O_PATH);
  TRY(fsetxattr(path, "user.fd", "x", 1, 0));
  TRY(fgetxattr(path, "user.one", value, sizeof value));
  TRY(flistxattr(path, nullptr, 0));
  close(path);
}

void errors() {
  char value[64];
  std::string name(255, 'n');
  name.replace(0, 5, "user.");
  TRY(setxattr("file", name.c_str(), "x", 1, 0));
  TRY(removexattr("file", name.c_str()));
  name.push_back('n');
  TRY(setxattr("file", name.c_str(), "x", 1, 0));
  TRY(getxattr("file", name.c_str(), value, sizeof value));
  TRY(setxattr("file", "", "x", 1, 0));
  TRY(setxattr("file", "user.", "x", 1, 0));
  TRY(setxattr("file", "nonamespace", "x", 1, 0));
  TRY(setxattr("file", "unknown.x", "x", 1, 0));
  TRY(getxattr("file", "unknown.x", value, sizeof value));
  static char large[65537];
  TRY(setxattr("file", "user.large", large, sizeof large, 0));
  TRY(setxattr("missing", "user.x", "x", 1, 0));
  TRY(setxattr("", "user.x", "x", 1, 0));
  TRY(getxattr("missing", "user.x", value, sizeof value));
  TRY(listxattr("missing", value, sizeof value));
  TRY(syscall(SYS_setxattr, null_pointer, "user.x", "x", 1, 0));
  TRY(syscall(SYS_setxattr, "file", null_pointer, "x", 1, 0));
  TRY(syscall(SYS_setxattr, "file", "user.x", bad_pointer, 1, 0));
  TRY(syscall(SYS_getxattr, "file", "user.one", bad_pointer, 64));
}

void permissions() {
  put_file("readable", "x", 0644);
  put_file("closed", "x", 0600);
  put_file("writable", "x", 0666);
  chmod("writable", 0666);
  setxattr("readable", "user.a", "x", 1, 0);
  setxattr("closed", "user.a", "x", 1, 0);
  mkdir("sticky", 0755);
  chmod("sticky", 01777);
  setxattr("sticky", "user.a", "x", 1, 0);
  mkdir("closed_sticky", 01700);
  in_child(
      [] {
        char value[16];
        TRY(getxattr("readable", "user.a", value, sizeof value));
        TRY(setxattr("readable", "user.b", "x", 1, 0));
        TRY(getxattr("closed", "user.a", value, sizeof value));
        TRY(listxattr("closed", nullptr, 0) > 0);
        TRY(setxattr("writable", "user.b", "x", 1, 0));
        TRY(removexattr("writable", "user.b"));
        TRY(setxattr("sticky", "user.b", "x", 1, 0));
        TRY(removexattr("sticky", "user.a"));
        TRY(setxattr("closed_sticky", "user.b", "x", 1, 0));
        TRY(setxattr("writable", "trusted.b", "x", 1, 0));
        TRY(getxattr("writable", "trusted.b", value, sizeof value));
        TRY(setxattr("writable", "security.capability", "x", 1, 0));
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("xattr");
  put_file("file", "x");
  mkdir("dir", 0755);
  symlink("file", "link");
  mkfifo("fifo", 0644);
  user_attributes();
  descriptors();
  errors();
  permissions();
  return 0;
}
