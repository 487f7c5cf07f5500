// Every event that a watcher of a directory, of a directory in it and of a file in it sees of each call: none more, none less.
// Not compared: that a change of attributes may be told twice, since an ordinary user's container keeps modes and owners in a
// record beside the host's.
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include <iterator>

#include "report.h"

namespace {

int events;

const char* name_of(uint32_t bit) {
  constexpr const char* kNames[] = {"ACCESS",     "MODIFY",   "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN",
                                    "MOVED_FROM", "MOVED_TO", "CREATE", "DELETE",      "DELETE_SELF",   "MOVE_SELF"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (bit == 1U << i) return kNames[i];
  }
  return bit == IN_IGNORED ? "IGNORED" : bit == IN_ISDIR ? "ISDIR" : "?";
}

// Of a watch, since the last look.
bool told[8];

bool is_repeated(const struct inotify_event& event) {
  bool& before = told[static_cast<unsigned>(event.wd) % std::size(told)];
  const bool repeated = before;
  before = true;
  return repeated;
}

void show_events() {
  memset(told, 0, sizeof told);
  alignas(struct inotify_event) char buffer[16384];
  while (true) {
    const ssize_t size = read(events, buffer, sizeof buffer);
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const struct inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      if ((event->mask & IN_ATTRIB) != 0 && is_repeated(*event)) continue;
      printf("  watch %d: %s", event->wd, event->len == 0 ? "itself" : *event->name == '#' ? "#" : event->name);
      for (uint32_t bit = 1; bit != 0; bit <<= 1U) {
        if ((event->mask & bit) != 0) printf(" %s", name_of(bit));
      }
      putchar('\n');
    }
    if (size <= 0) return;
  }
}

#define SEE(call)  \
  do {             \
    TRY(call);     \
    show_events(); \
  } while (false)

void close_and_see(int fd) {
  close(fd);
  show_events();
}

int open_and_see(const char* path, int flags, mode_t mode = 0644) {
  const int fd = open(path, flags, mode);
  say("open %s %#x: %d", path, flags & ~O_CLOEXEC, fd >= 0);
  show_events();
  return fd;
}

void make_and_remove() {
  close_and_see(open_and_see("d/made", O_WRONLY | O_CREAT | O_EXCL));
  close_and_see(open_and_see("d/made", O_WRONLY | O_CREAT | O_TRUNC));
  close_and_see(open_and_see("d/odd", O_WRONLY | O_CREAT, 0600));
  SEE(mkdir("d/dir", 01700));
  SEE(mkdir("d/dir", 01700));
  SEE(symlink("target", "d/link"));
  SEE(link("d/made", "d/sub/linked"));
  SEE(mkfifo("d/fifo", 0));
  SEE(mknod("d/plain", S_IFREG | 0600, 0));
  SEE(unlink("d/plain"));
  SEE(mkdir("d/watched", 0700));
  TRY(inotify_add_watch(events, "d/watched", IN_DELETE_SELF | IN_ONLYDIR));
  SEE(rmdir("d/watched"));
  SEE(rename("d/made", "d/sub/moved"));
  SEE(rename("d/sub", "d/dir/sub"));
  SEE(rename("d/dir/sub", "d/sub"));
  SEE(renameat2(AT_FDCWD, "d/odd", AT_FDCWD, "d/link", 2));
  SEE(renameat2(AT_FDCWD, "d/odd", AT_FDCWD, "d/link", 1));
  for (const char* name : {"d/link", "d/odd", "d/fifo", "d/sub/linked", "d/sub/moved"}) SEE(unlink(name));
  SEE(rmdir("d/dir"));
  close_and_see(open_and_see("d", O_WRONLY | O_TMPFILE));
}

void change(const char* path) {
  say("of %s:", path);
  SEE(chmod(path, 0700));
  SEE(chmod(path, 02511));
  SEE(chown(path, 5, 6));
  SEE(chown(path, 0, 0));
  SEE(chmod(path, 0755));
  const struct timespec times[2] = {{1, 0}, {2, 0}};
  SEE(utimensat(AT_FDCWD, path, times, 0));
  SEE(utimensat(AT_FDCWD, path, nullptr, 0));
  SEE(setxattr(path, "user.own", "value", 5, 0));
  char value[16];
  SEE(getxattr(path, "user.own", value, sizeof value));
  SEE(listxattr(path, nullptr, 0) > 0);
  SEE(removexattr(path, "user.own"));
  struct stat status;
  SEE(stat(path, &status));
  SEE(access(path, R_OK));
  SEE(faccessat(AT_FDCWD, path, W_OK, AT_EACCESS));
  struct statx more;
  SEE(statx(AT_FDCWD, path, 0, STATX_ALL, &more));
}

void look_around() {
  SEE(chdir("d/sub"));
  char here[4096];
  SEE(getcwd(here, sizeof here) != nullptr);
  SEE(chdir("../.."));
  struct stat status;
  SEE(stat("d/sub/../file", &status));
  SEE(readlink("d/sub/symlink", here, sizeof here));
  SEE(stat("d/sub/symlink", &status));
  SEE(access("d/none", F_OK));
  const int fd = open_and_see("d/sub", O_RDONLY | O_DIRECTORY);
  SEE(fstat(fd, &status));
  SEE(fstatat(fd, "../file", &status, 0));
  SEE(fchdir(fd));
  SEE(chdir("../.."));
  SEE(openat(fd, "none", O_RDONLY));
  close_and_see(fd);
}

void use_file() {
  const int fd = open_and_see("d/file", O_RDWR);
  SEE(write(fd, "x", 1));
  char byte;
  SEE(pread(fd, &byte, 1, 0));
  SEE(ftruncate(fd, 100));
  SEE(fchmod(fd, 0600));
  SEE(fchown(fd, 7, 8));
  SEE(fchown(fd, 0, 0));
  SEE(futimens(fd, nullptr));
  SEE(fsetxattr(fd, "user.own", "v", 1, 0));
  SEE(fallocate(fd, 0, 0, 4096));
  SEE(link("d/file", "d/again"));
  close_and_see(fd);
  unlink("d/again");
  show_events();
  SEE(truncate("d/file", 10));
  SEE(truncate("d/file", 10));
  close_and_see(open_and_see("d/sub/symlink", O_RDONLY));
}

void run_program() {
  // A program that cannot be: the kernel opens it all the same.
  char text[] = "d/file";
  char* const arguments[] = {text, nullptr};
  SEE(execv("d/file", arguments));
}

}  // namespace

int main() {
  enter_work_directory("inotify_events");
  mkdir("d", 0755);
  mkdir("d/sub", 0755);
  put_file("d/file", "x");
  symlink("../file", "d/sub/symlink");
  events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  TRY(inotify_add_watch(events, "d", IN_ALL_EVENTS));
  TRY(inotify_add_watch(events, "d/sub", IN_ALL_EVENTS));
  TRY(inotify_add_watch(events, "d/file", IN_ALL_EVENTS));
  show_events();
  make_and_remove();
  change("d/file");
  change("d/sub");
  look_around();
  use_file();
  run_program();
  return 0;
}
