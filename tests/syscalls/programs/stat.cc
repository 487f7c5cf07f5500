// stat(2), lstat, fstat, newfstatat, statx(2), statfs(2).
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "report.h"

namespace {

void stats() {
  struct stat status;
  TRY(stat("file", &status));
  show_stat("file", status);
  TRY(stat("file/", &status));
  TRY(stat("file/.", &status));
  TRY(stat("dir/", &status));
  show_stat("dir", status);
  TRY(stat("dir/..", &status));
  TRY(stat("link", &status));
  show_stat("link followed", status);
  TRY(lstat("link", &status));
  show_stat("link itself", status);
  TRY(lstat("link/", &status));
  TRY(lstat("dirlink", &status));
  show_stat("dirlink", status);
  TRY(lstat("dirlink/", &status));
  show_stat("dirlink/", status);
  TRY(stat("loop", &status));
  TRY(lstat("loop", &status));
  TRY(stat("dangling", &status));
  TRY(stat("missing", &status));
  TRY(stat("", &status));
  TRY(syscall(SYS_stat, null_pointer, &status));
  TRY(syscall(SYS_stat, "file", null_pointer));
  TRY(syscall(SYS_stat, "missing", null_pointer));
  TRY(stat("fifo", &status));
  show_stat("fifo", status);
  TRY(stat("/", &status));
  TRY(stat("/..", &status));
}

void stats_at() {
  struct stat status;
  const int dir = open("dir", O_RDONLY | O_DIRECTORY);
  const int file = open("file", O_RDONLY);
  TRY(syscall(SYS_newfstatat, dir, "in", &status, 0));
  show_stat("dir/in", status);
  TRY(syscall(SYS_newfstatat, dir, "", &status, 0));
  TRY(syscall(SYS_newfstatat, dir, "", &status, AT_EMPTY_PATH));
  show_stat("dir", status);
  TRY(syscall(SYS_newfstatat, file, "", &status, AT_EMPTY_PATH));
  show_stat("file", status);
  TRY(syscall(SYS_newfstatat, AT_FDCWD, "", &status, AT_EMPTY_PATH));
  TRY(syscall(SYS_newfstatat, file, "x", &status, 0));
  TRY(syscall(SYS_newfstatat, 99, "x", &status, 0));
  TRY(syscall(SYS_newfstatat, 99, "", &status, AT_EMPTY_PATH));
  TRY(syscall(SYS_newfstatat, 99, "/", &status, 0));
  TRY(syscall(SYS_newfstatat, AT_FDCWD, "link", &status, AT_SYMLINK_NOFOLLOW));
  show_stat("link", status);
  TRY(syscall(SYS_newfstatat, AT_FDCWD, "file", &status, 0x40000));
  TRY(syscall(SYS_newfstatat, AT_FDCWD, "file", &status, AT_NO_AUTOMOUNT));
  TRY(fstat(file, &status));
  TRY(fstat(99, &status));
  TRY(syscall(SYS_fstat, file, bad_pointer));
  unlink("file");
  TRY(fstat(file, &status));
  say("  links %lu", static_cast<unsigned long>(status.st_nlink));
  close(dir);
  close(file);
  put_file("file", "content");
  int pipe_fds[2];
  if (pipe(pipe_fds) == 0) {
    TRY(fstat(pipe_fds[0], &status));
    show_stat("pipe", status);
  }
}

void extended() {
  struct statx status;
  TRY(syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, &status));
  say("  mode %o uid %u gid %u size %llu links %u", status.stx_mode, status.stx_uid, status.stx_gid,
      static_cast<unsigned long long>(status.stx_size), status.stx_nlink);
  say("  basic %d", (status.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
  TRY(syscall(SYS_statx, AT_FDCWD, "file", AT_STATX_SYNC_TYPE, STATX_BASIC_STATS, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, "file", AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, "file", 0, 0x80000000U, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, "file", 0x40000, 0, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, "file", 0, 0, null_pointer));
  TRY(syscall(SYS_statx, AT_FDCWD, "", 0, 0, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, "", AT_EMPTY_PATH, 0, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, null_pointer, 0, 0, &status));
  TRY(syscall(SYS_statx, AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status));
  say("  mode %o size %llu", status.stx_mode, static_cast<unsigned long long>(status.stx_size));
  TRY(syscall(SYS_statx, AT_FDCWD, "/proc", 0, STATX_BASIC_STATS, &status));
  say("  mount root %d", (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
  TRY(syscall(SYS_statx, AT_FDCWD, "dir", 0, STATX_BASIC_STATS, &status));
  say("  mount root %d", (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
}

void identity_of_files() {
  struct stat first;
  struct stat second;
  TRY(stat("file", &first));
  TRY(link("file", "hard"));
  TRY(stat("hard", &second));
  say("  same %d", first.st_ino == second.st_ino && first.st_dev == second.st_dev);
  const int fd = open("hard", O_RDONLY);
  TRY(fstat(fd, &second));
  say("  same %d", first.st_ino == second.st_ino && first.st_dev == second.st_dev);
  close(fd);
  TRY(stat("/dev/null", &first));
  say("  device %o %u:%u", first.st_mode & S_IFMT, major(first.st_rdev), minor(first.st_rdev));
}

void permissions() {
  mkdir("closed", 0700);
  put_file("closed/in", "x", 0777);
  put_file("secret", "x", 0);
  in_child(
      [] {
        struct stat status;
        TRY(stat("closed", &status));
        TRY(stat("closed/in", &status));
        TRY(stat("closed/missing", &status));
        TRY(stat("closed/.", &status));
        TRY(stat("secret", &status));
      },
      1000, 1000);
}

void file_systems() {
  struct statfs status;
  TRY(statfs("file", &status));
  TRY(statfs("missing", &status));
  TRY(statfs("", &status));
  TRY(syscall(SYS_statfs, "file", null_pointer));
  TRY(statfs("/proc", &status));
  say("  type %lx", static_cast<unsigned long>(status.f_type));
  const int fd = open("dir", O_RDONLY);
  TRY(fstatfs(fd, &status));
  say("  name length %ld", static_cast<long>(status.f_namelen));
  TRY(fstatfs(99, &status));
  close(fd);
}

}  // namespace

int main() {
  enter_work_directory("stat");
  put_file("file", "content");
  mkdir("dir", 0755);
  put_file("dir/in", "in");
  symlink("file", "link");
  symlink("dir", "dirlink");
  symlink("missing", "dangling");
  symlink("loop", "loop");
  mkfifo("fifo", 0640);
  stats();
  stats_at();
  extended();
  identity_of_files();
  permissions();
  file_systems();
  return 0;
}
