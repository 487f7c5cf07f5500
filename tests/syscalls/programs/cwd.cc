// chdir(2), fchdir(2), getcwd(2), chroot(2), umask(2).
#include <pthread.h>

#include "report.h"

namespace {

void where() {
  char path[4096];
  const long length = syscall(SYS_getcwd, path, sizeof path);
  if (length < 0) {
    say("  getcwd: %s", strerrorname_np(errno));
  } else {
    say("  in %s (%ld)", path, length);
  }
}

void changing() {
  where();
  TRY(chdir("dir"));
  where();
  TRY(chdir("../dir/./sub//"));
  where();
  TRY(chdir("../../.."));
  where();
  TRY(chdir("/../.."));
  where();
  TRY(chdir("/cwd/link"));
  where();
  TRY(chdir("/cwd"));
  TRY(chdir("file"));
  TRY(chdir("missing"));
  TRY(chdir(""));
  TRY(syscall(SYS_chdir, null_pointer));
  const int dir = open("dir/sub", O_RDONLY);
  const int path_only = open("dir", O_PATH);
  const int file = open("file", O_RDONLY);
  TRY(fchdir(dir));
  where();
  TRY(fchdir(path_only));
  where();
  TRY(fchdir(file));
  TRY(fchdir(99));
  TRY(chdir("/cwd"));
  char small[4];
  TRY(syscall(SYS_getcwd, small, sizeof small));
  TRY(syscall(SYS_getcwd, small, 5));
  TRY(syscall(SYS_getcwd, small, 0));
  TRY(syscall(SYS_getcwd, null_pointer, 100));
  close(dir);
  close(path_only);
  close(file);
}

void renamed_and_removed() {
  mkdir("moving", 0755);
  TRY(chdir("moving"));
  TRY(rename("../moving", "../moved"));
  where();
  TRY(rmdir("../moved"));
  where();
  TRY_OPEN(open(".", O_RDONLY));
  TRY_OPEN(open("x", O_RDWR | O_CREAT, 0644));
  TRY(chdir(".."));
  where();
  mkdir("name (deleted)", 0755);
  TRY(chdir("name (deleted)"));
  where();
  TRY(chdir(".."));
}

void inheritance() {
  TRY(chdir("dir"));
  in_child([] {
    where();
    TRY(chdir("sub"));
    where();
  });
  where();
  pthread_t thread;
  pthread_create(
      &thread, nullptr,
      [](void*) -> void* {
        TRY(chdir("sub"));
        umask(027);
        return nullptr;
      },
      nullptr);
  pthread_join(thread, nullptr);
  where();
  say("  umask %o", umask(022));
  TRY(chdir("/cwd"));
}

void masks() {
  TRY(umask(022));
  TRY(umask(07777));
  TRY(umask(0));
  TRY(umask(022));
  in_child([] { TRY(umask(0777)); });
  TRY(umask(022));
}

void permissions() {
  mkdir("closed", 0700);
  mkdir("unsearchable", 0755);
  chmod("unsearchable", 0744);
  in_child(
      [] {
        TRY(chdir("closed"));
        TRY(chdir("unsearchable"));
        const int fd = open("unsearchable", O_RDONLY);
        TRY(fchdir(fd));
        TRY(chroot("dir"));
        TRY(chroot("missing"));
        TRY(chroot("file"));
      },
      1000, 1000);
}

void roots() {
  put_file("dir/sub/inside", "inside");
  in_child([] {
    const int outside = open(".", O_RDONLY);
    TRY(chroot("dir"));
    where();
    TRY(chdir("/"));
    where();
    TRY_OPEN(open("/sub/inside", O_RDONLY));
    TRY_OPEN(open("/../../file", O_RDONLY));
    TRY_OPEN(open("../file", O_RDONLY));
    TRY_OPEN(open("absolute", O_RDONLY));
    TRY_OPEN(openat(outside, "file", O_RDONLY));
    TRY(fchdir(outside));
    where();
    TRY_OPEN(open("file", O_RDONLY));
    TRY(chroot("missing"));
    TRY(chroot("file"));
    TRY(chroot("."));
    where();
    TRY(chdir("dir/sub"));
    where();
  });
  where();
}

}  // namespace

int main() {
  enter_work_directory("cwd");
  mkdir("dir", 0755);
  mkdir("dir/sub", 0755);
  put_file("file", "x");
  symlink("dir/sub", "link");
  symlink("/sub/inside", "dir/absolute");
  changing();
  renamed_and_removed();
  inheritance();
  masks();
  permissions();
  roots();
  return 0;
}
