// inotify_add_watch(2), and the events that the container's own changes make.
#include <sys/inotify.h>

#include "report.h"

namespace {

void show_events(int fd) {
  alignas(struct inotify_event) char buffer[4096];
  const ssize_t size = read(fd, buffer, sizeof buffer);
  if (size < 0) say("  no events: %s", strerrorname_np(errno));
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const struct inotify_event*>(buffer + at);
    say("  watch %d mask %x name %s", event->wd, event->mask, event->len != 0 ? event->name : "-");
    at += static_cast<ssize_t>(sizeof *event + event->len);
  }
}

}  // namespace

int main() {
  enter_work_directory("inotify");
  mkdir("dir", 0755);
  put_file("file", "x");
  symlink("file", "link");
  symlink("dir", "dirlink");
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  TRY(inotify_add_watch(fd, "dir", IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO));
  TRY(inotify_add_watch(fd, "file", IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE));
  TRY(inotify_add_watch(fd, "link", IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE | IN_MASK_ADD));
  TRY(inotify_add_watch(fd, "link", IN_DELETE_SELF | IN_DONT_FOLLOW));
  TRY(inotify_add_watch(fd, "file", IN_MODIFY | IN_ONLYDIR));
  TRY(inotify_add_watch(fd, "dirlink", IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW));
  TRY(inotify_add_watch(fd, "missing", IN_MODIFY));
  TRY(inotify_add_watch(fd, "", IN_MODIFY));
  TRY(inotify_add_watch(fd, "file", 0));
  TRY(inotify_add_watch(fd, "file", 0x00800000));
  TRY(inotify_add_watch(fd, "file", IN_MODIFY | IN_MASK_ADD | 0x10000000));
  TRY(inotify_add_watch(99, "file", IN_MODIFY));
  TRY(syscall(SYS_inotify_add_watch, fd, null_pointer, IN_MODIFY));
  const int other = open("file", O_RDONLY);
  TRY(inotify_add_watch(other, "file", IN_MODIFY));
  close(other);
  show_events(fd);
  put_file("dir/new", "x");
  TRY(rename("dir/new", "dir/moved"));
  TRY(unlink("dir/moved"));
  TRY(mkdir("dir/sub", 0755));
  TRY(rmdir("dir/sub"));
  show_events(fd);
  put_file("file", "more");
  TRY(chmod("file", 0600));
  show_events(fd);
  TRY(unlink("link"));
  show_events(fd);
  TRY(inotify_rm_watch(fd, 1));
  show_events(fd);
  TRY(inotify_rm_watch(fd, 1));
  mkdir("closed", 0700);
  in_child(
      [fd] {
        TRY(inotify_add_watch(fd, "closed", IN_CREATE));
        TRY(inotify_add_watch(fd, "closed/x", IN_CREATE));
      },
      1000, 1000);
  close(fd);
  return 0;
}
