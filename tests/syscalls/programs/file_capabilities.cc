// security.capability: who may set it, in which form, what it gives to a program, and what takes it away again.
#include <linux/capability.h>
#include <sys/xattr.h>

#include <string>

#include "report.h"

namespace {

constexpr const char* kName = "security.capability";

vfs_cap_data capabilities(uint32_t permitted, bool effective) {
  vfs_cap_data data{};
  data.magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0);
  data.data[0].permitted = permitted;
  return data;
}

void give(const char* path, bool effective = true) {
  const vfs_cap_data data = capabilities(1U << CAP_KILL | 1U << CAP_SETUID, effective);
  TRY(setxattr(path, kName, &data, XATTR_CAPS_SZ_2, 0));
}

void see(const char* path) {
  char value[64];
  TRY(lgetxattr(path, kName, value, sizeof value));
  char names[1024];
  const ssize_t size = llistxattr(path, names, sizeof names);
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(strlen(names + at)) + 1) say("  %s has %s", path, names + at);
}

void forms() {
  vfs_cap_data data = capabilities(1, true);
  TRY(setxattr("file", kName, &data, XATTR_CAPS_SZ_2 - 1, 0));
  TRY(setxattr("file", kName, &data, 0, 0));
  data.magic_etc = VFS_CAP_REVISION_3;
  TRY(setxattr("file", kName, &data, XATTR_CAPS_SZ_2, 0));
  data.magic_etc = VFS_CAP_REVISION_2 | 2;
  TRY(setxattr("file", kName, &data, XATTR_CAPS_SZ_2, 0));
  give("file");
  data = capabilities(1, true);
  TRY(setxattr("file", kName, &data, XATTR_CAPS_SZ_2, XATTR_CREATE));
  TRY(setxattr("file", kName, &data, XATTR_CAPS_SZ_2, XATTR_REPLACE));
  see("file");
  TRY(removexattr("file", kName));
  TRY(removexattr("file", kName));
  TRY(setxattr("file", kName, &data, XATTR_CAPS_SZ_2, XATTR_REPLACE));
  see("file");
  char value[4];
  give("file");
  TRY(getxattr("file", kName, nullptr, 0));
  TRY(getxattr("file", kName, value, sizeof value));
}

void what_takes_them_away() {
  give("file");
  put_file("file", "more");
  see("file");
  give("file");
  TRY(truncate("file", 1));
  see("file");
  give("file");
  TRY(chmod("file", 0755));
  TRY(utimensat(AT_FDCWD, "file", nullptr, 0));
  TRY(setxattr("file", "user.own", "x", 1, 0));
  TRY(rename("file", "renamed"));
  TRY(link("renamed", "file"));
  see("file");
  TRY(chown("file", 7, 8));
  see("file");
  give("file");
  const int fd = open("file", O_RDONLY);
  char byte;
  TRY(read(fd, &byte, 1));
  see("file");
  TRY(fchown(fd, 0, 0));
  see("file");
  close(fd);
}

// Copies this program, which then says what it is allowed to do.
void copy_program(const char* path) {
  const int from = open("/proc/self/exe", O_RDONLY);
  const int to = open(path, O_WRONLY | O_CREAT, 0755);
  static char buffer[1U << 16U];
  ssize_t size = 0;
  while ((size = read(from, buffer, sizeof buffer)) > 0) {
    if (write(to, buffer, static_cast<size_t>(size)) != size) say("cannot copy");
  }
  close(from);
  close(to);
}

void say_capabilities() {
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  while (status != nullptr && fgets(line, sizeof line, status) != nullptr) {
    if (strncmp(line, "CapPrm", 6) == 0 || strncmp(line, "CapEff", 6) == 0) printf("  %s", line);
  }
}

void execute(const char* path) {
  in_child(
      [path] {
        char name[] = "program";
        char what[] = "say";
        char* const arguments[] = {name, what, nullptr};
        TRY(execv(path, arguments));
      },
      1000, 1000);
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    say_capabilities();
    return 0;
  }
  enter_work_directory("file_capabilities");
  put_file("file", "x");
  forms();
  what_takes_them_away();
  copy_program("program");
  execute("./program");
  give("program");
  execute("./program");
  give("program", false);
  execute("./program");
  in_child(
      [] {
        give("program");
        TRY(removexattr("program", kName));
        see("program");
      },
      1000, 1000);
  return 0;
}
