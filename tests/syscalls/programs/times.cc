// utimensat(2), utime(2), utimes(2), futimesat(2), futimens(3).
#include <sys/time.h>
#include <time.h>
#include <utime.h>

#include "report.h"

namespace {

void show_times(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0) return;
  const time_t now = time(nullptr);
  const auto text = [&](const struct timespec& stamp, char* out, size_t size) {
    if (stamp.tv_sec > now - 3600 && stamp.tv_sec <= now + 1) {
      snprintf(out, size, "now");
    } else {
      snprintf(out, size, "%ld.%09ld", static_cast<long>(stamp.tv_sec), stamp.tv_nsec);
    }
  };
  char accessed[64];
  char modified[64];
  text(status.st_atim, accessed, sizeof accessed);
  text(status.st_mtim, modified, sizeof modified);
  say("  %s: accessed %s modified %s", path, accessed, modified);
}

long utimensat_raw(int fd, const char* path, const struct timespec* times, int flags) {
  return syscall(SYS_utimensat, fd, path, times, flags);
}

void by_utimensat() {
  struct timespec times[2] = {{1000, 1}, {2000, 999999999}};
  TRY(utimensat_raw(AT_FDCWD, "file", times, 0));
  show_times("file");
  times[0].tv_nsec = UTIME_OMIT;
  times[1] = {3000, 3};
  TRY(utimensat_raw(AT_FDCWD, "file", times, 0));
  show_times("file");
  times[0] = {0, UTIME_NOW};
  times[1] = {0, UTIME_OMIT};
  TRY(utimensat_raw(AT_FDCWD, "file", times, 0));
  show_times("file");
  times[0] = {0, UTIME_OMIT};
  TRY(utimensat_raw(AT_FDCWD, "missing", times, 0));
  TRY(utimensat_raw(AT_FDCWD, bad_pointer, times, 0));
  times[0] = {1, 1000000000};
  TRY(utimensat_raw(AT_FDCWD, "file", times, 0));
  times[0] = {1, -1};
  TRY(utimensat_raw(AT_FDCWD, "missing", times, 0));
  times[0] = {-1, 5};
  times[1] = {4000, 0};
  TRY(utimensat_raw(AT_FDCWD, "file", times, 0));
  show_times("file");
  times[0] = {5000, 5};
  TRY(utimensat_raw(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
  show_times("link");
  show_times("file");
  TRY(utimensat_raw(AT_FDCWD, "dangling", times, 0));
  TRY(utimensat_raw(AT_FDCWD, "file", times, 0x40000));
  TRY(utimensat_raw(AT_FDCWD, "file", nullptr, 0));
  show_times("file");
  TRY(utimensat_raw(AT_FDCWD, "missing", nullptr, 0));
  TRY(utimensat_raw(AT_FDCWD, "", nullptr, 0));
  TRY(utimensat_raw(AT_FDCWD, null_pointer, nullptr, 0));
  TRY(utimensat_raw(AT_FDCWD, "file", reinterpret_cast<struct timespec*>(bad_pointer), 0));
  const int fd = open("file", O_RDONLY);
  TRY(utimensat_raw(fd, null_pointer, times, 0));
  show_times("file");
  TRY(utimensat_raw(fd, null_pointer, times, AT_SYMLINK_NOFOLLOW));
  TRY(utimensat_raw(99, null_pointer, times, 0));
  times[1] = {6000, 0};
  TRY(utimensat_raw(fd, "", times, AT_EMPTY_PATH));
  show_times("file");
  close(fd);
  const int path = open("file", O_PATH);
  TRY(utimensat_raw(path, null_pointer, times, 0));
  TRY(utimensat_raw(path, "", times, AT_EMPTY_PATH));
  close(path);
}

void by_older_calls() {
  const struct utimbuf seconds = {10, 20};
  TRY(syscall(SYS_utime, "file", &seconds));
  show_times("file");
  TRY(syscall(SYS_utime, "file", nullptr));
  show_times("file");
  TRY(syscall(SYS_utime, "missing", nullptr));
  TRY(syscall(SYS_utime, "file", bad_pointer));
  struct timeval micros[2] = {{30, 1}, {40, 999999}};
  TRY(syscall(SYS_utimes, "file", micros));
  show_times("file");
  TRY(syscall(SYS_utimes, "link", micros));
  show_times("file");
  micros[0].tv_usec = 1000000;
  TRY(syscall(SYS_utimes, "file", micros));
  micros[0].tv_usec = -1;
  TRY(syscall(SYS_utimes, "missing", micros));
  micros[0].tv_usec = 5;
  TRY(syscall(SYS_futimesat, AT_FDCWD, "file", micros));
  show_times("file");
  const int fd = open("file", O_RDONLY);
  TRY(syscall(SYS_futimesat, fd, null_pointer, nullptr));
  show_times("file");
  close(fd);
}

void permissions() {
  put_file("writable", "x", 0666);
  chmod("writable", 0666);
  put_file("roots", "x", 0644);
  in_child(
      [] {
        const struct timespec times[2] = {{1000, 1}, {2000, 2}};
        const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
        const struct timespec half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
        TRY(utimensat_raw(AT_FDCWD, "writable", nullptr, 0));
        TRY(utimensat_raw(AT_FDCWD, "writable", now, 0));
        TRY(utimensat_raw(AT_FDCWD, "writable", half, 0));
        TRY(utimensat_raw(AT_FDCWD, "writable", times, 0));
        TRY(utimensat_raw(AT_FDCWD, "roots", nullptr, 0));
        TRY(utimensat_raw(AT_FDCWD, "roots", times, 0));
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("times");
  put_file("file", "x");
  symlink("file", "link");
  symlink("missing", "dangling");
  by_utimensat();
  by_older_calls();
  permissions();
  return 0;
}
