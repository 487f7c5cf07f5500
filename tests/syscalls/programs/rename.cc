// rename(2), renameat(2), renameat2(2).
#include <limits.h>
#include <linux/fs.h>

#include <string>

#include "report.h"

namespace {

long renameat2_raw(const char* from, const char* to, unsigned flags) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

void files() {
  TRY(rename("a", "renamed"));
  show("a");
  show_file("renamed");
  TRY(rename("renamed", "b"));
  show_file("b");
  TRY(rename("b", "b"));
  TRY(rename("b", "b/"));
  TRY(rename("b/", "c"));
  TRY(rename("b", "c/"));
  TRY(rename("missing", "b"));
  TRY(rename("missing", "missing2"));
  TRY(rename("b", "missing/x"));
  TRY(rename("b", "b/x"));
  TRY(rename("", "x"));
  TRY(rename("b", ""));
  TRY(rename("b", "dir"));
  TRY(rename("b", "dir/"));
  TRY(rename("b", "."));
  TRY(rename("b", ".."));
  TRY(rename(".", "x"));
  TRY(rename("dir/..", "x"));
  TRY(rename("/", "x"));
  TRY(rename("b", "/"));
  TRY(syscall(SYS_rename, null_pointer, "x"));
  TRY(syscall(SYS_rename, "b", null_pointer));
  link("b", "same");
  TRY(rename("b", "same"));
  show("b");
  show("same");
  TRY(unlink("same"));
}

// Names that are too long are found to be so only when both directories are known and the other name is a name.
void long_names() {
  static const std::string text(NAME_MAX + 1, 'n');
  const char* const long_name = text.c_str();
  TRY(rename("b", long_name));
  TRY(rename(long_name, "b"));
  TRY(rename("missing", long_name));
  TRY(rename(long_name, ".."));
  TRY(rename(long_name, ""));
  const std::string below = text + "/x";
  TRY(rename(below.c_str(), ""));
  TRY(rename("", long_name));
  TRY(rename(".", long_name));
  TRY(renameat2_raw(long_name, ".", RENAME_NOREPLACE));
  TRY(renameat2_raw("missing", long_name, RENAME_EXCHANGE));
  TRY(rename(long_name, "missing/x"));
  TRY(rename("missing/x", long_name));
  TRY(rename(long_name, "/proc/x"));
}

void directories() {
  TRY(rename("dir", "dir2"));
  TRY(rename("dir2/", "dir/"));
  show("dir");
  TRY(rename("dir", "b"));
  TRY(rename("dir", "dir/sub"));
  TRY(rename("dir", "dir/sub/x"));
  TRY(rename("dir/sub", "dir"));
  TRY(rename("full", "dir"));
  TRY(rename("dir", "full"));
  TRY(rename("dir/sub", "empty"));
  show("empty");
  show("dir/sub");
  TRY(rename("dir", "empty"));
  show("dir");
  TRY(rename("empty", "full/moved"));
  show("full/moved");
  TRY(rename("full/moved", "dir"));
}

void symlinks() {
  symlink("b", "to_b");
  symlink("dir", "to_dir");
  TRY(rename("to_b", "to_b2"));
  show("to_b2");
  TRY(rename("to_b2", "dir/to_b"));
  TRY(rename("to_dir", "to_dir2/"));
  TRY(rename("to_dir/", "to_dir2"));
  TRY(rename("b", "to_dir"));
  show("to_dir");
  put_file("b", "b");
}

void flags() {
  put_file("x", "x");
  put_file("y", "y");
  TRY(renameat2_raw("x", "y", RENAME_NOREPLACE));
  TRY(renameat2_raw("x", "z", RENAME_NOREPLACE));
  TRY(renameat2_raw("z", "x", RENAME_NOREPLACE));
  TRY(renameat2_raw("x", "y", RENAME_EXCHANGE));
  show_file("x");
  show_file("y");
  TRY(renameat2_raw("x", "missing", RENAME_EXCHANGE));
  TRY(renameat2_raw("missing", "x", RENAME_EXCHANGE));
  TRY(renameat2_raw("x", "dir", RENAME_EXCHANGE));
  show("x");
  show("dir");
  TRY(renameat2_raw("x", "dir", RENAME_EXCHANGE));
  TRY(renameat2_raw("x/", "y", RENAME_EXCHANGE));
  TRY(renameat2_raw("x", "y/", RENAME_EXCHANGE));
  TRY(renameat2_raw("x", "y", RENAME_EXCHANGE | RENAME_NOREPLACE));
  TRY(renameat2_raw("x", "y", 16));
  TRY(renameat2_raw("x", ".", RENAME_NOREPLACE));
  TRY(renameat2_raw("dir", "dir/inner", RENAME_EXCHANGE));
}

void relative() {
  const int dir = open("dir", O_RDONLY);
  TRY(renameat(AT_FDCWD, "x", dir, "x"));
  show("dir/x");
  TRY(renameat(dir, "x", AT_FDCWD, "x"));
  TRY(renameat(99, "x", AT_FDCWD, "y"));
  TRY(renameat(AT_FDCWD, "x", 99, "y"));
  TRY(renameat(dir, "/rename/x", 99, "/rename/y"));
  close(dir);
  TRY(rename("y", "/proc/y"));
  TRY(rename("/proc/version", "y"));
  TRY(rename("/proc", "y"));
  TRY(rename("dir", "/proc"));
}

void permissions() {
  mkdir("sticky", 0755);
  chmod("sticky", 01777);
  put_file("sticky/roots", "x");
  mkdir("open", 0755);
  chmod("open", 0777);
  put_file("open/roots", "x");
  mkdir("open/rootsdir", 0755);
  in_child(
      [] {
        TRY(rename("y", "yy"));
        TRY(rename("y", "open/y"));
        TRY(rename("sticky/roots", "sticky/mine"));
        put_file("sticky/users", "x");
        TRY(rename("sticky/users", "sticky/roots"));
        TRY(rename("sticky/users", "sticky/users2"));
        TRY(rename("open/roots", "open/taken"));
        TRY(rename("open/rootsdir", "open/movedup"));
        TRY(rename("open/movedup", "sticky/x"));
        mkdir("open/mine", 0755);
        put_file("open/mine/file", "x");
        TRY(rename("open/movedup", "open/mine/file"));
        TRY(rename("open/rootsdir", "open/mine/file"));
        TRY(rename("open/rootsdir", "open/mine/new"));
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("rename");
  put_file("a", "a");
  put_file("b", "b");
  mkdir("dir", 0755);
  mkdir("dir/sub", 0755);
  mkdir("empty", 0755);
  mkdir("full", 0755);
  put_file("full/in", "x");
  files();
  long_names();
  directories();
  symlinks();
  flags();
  relative();
  permissions();
  return 0;
}
