// What every test program of this directory prints: the text of each call with its result, one a line.
//
// The programs run twice, in a chroot of the host and in a container, and the two outputs must be equal. So nothing is printed
// that may differ between two runs on Linux: no inode numbers, no times of day, no process ids.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Addresses that no program has, hidden from the compiler's checks.
inline char* volatile null_pointer = nullptr;
inline char* volatile bad_pointer = reinterpret_cast<char*>(8);

inline long report(const char* text, long result) {
  const int error = errno;
  if (result == -1) {
    const char* name = strerrorname_np(error);
    printf("%s = -1 %s\n", text, name != nullptr ? name : "?");
  } else {
    printf("%s = %ld\n", text, result);
  }
  errno = error;
  return result;
}

// TRY(mkdir("a", 0755)) prints the call as it is written here, its result, and the errno's name.
#define TRY(call) report(#call, static_cast<long>(call))

// For a descriptor that is only to be opened and closed again.
#define TRY_OPEN(call)                                                                \
  do {                                                                                \
    const int try_open_fd = static_cast<int>(report(#call, static_cast<long>(call))); \
    if (try_open_fd >= 0) close(try_open_fd);                                         \
  } while (false)

inline void say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

// A child that does `work`, with what it prints, and ends with 0.
template <typename Work>
pid_t child(const Work& work) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    work();
    fflush(stdout);
    _exit(0);
  }
  return pid;
}

// Type, mode, owner, links and size (of what has a portable one).
inline void show_stat(const char* name, const struct stat& status) {
  say("  %s: mode %o uid %u gid %u links %lu size %ld", name, status.st_mode, status.st_uid, status.st_gid,
      S_ISDIR(status.st_mode) ? 0UL : static_cast<unsigned long>(status.st_nlink),
      S_ISREG(status.st_mode) || S_ISLNK(status.st_mode) ? static_cast<long>(status.st_size) : -1L);
}

inline void show(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    say("  %s: %s", path, strerrorname_np(errno));
    return;
  }
  show_stat(path, status);
}

inline void put_file(const char* path, const char* text, mode_t mode = 0644) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) say("cannot write %s: %s", path, strerrorname_np(errno));
  if (fd >= 0) close(fd);
}

inline void show_file(const char* path) {
  char text[256];
  const int fd = open(path, O_RDONLY);
  const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (size < 0) {
    say("  %s: %s", path, strerrorname_np(errno));
  } else {
    text[size] = '\0';
    say("  %s holds \"%s\"", path, text);
  }
  if (fd >= 0) close(fd);
}

// Runs `work` in a child, by default with the ids of an ordinary user, and says how it ended.
template <typename Work>
void in_child(const Work& work, uid_t uid = 0, gid_t gid = 0) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (gid != 0 && (syscall(SYS_setgroups, 0UL, nullptr) != 0 || setresgid(gid, gid, gid) != 0)) say("cannot change gid");
    if (uid != 0 && setresuid(uid, uid, uid) != 0) say("cannot change uid");
    work();
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("child ended with %x", status);
}

// The directory in which a program works: made anew, and entered.
inline void enter_work_directory(const char* name) {
  setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
  umask(022);
  if (mkdir(name, 0755) != 0 || chdir(name) != 0) {
    say("cannot enter %s: %s", name, strerrorname_np(errno));
    exit(1);
  }
}
