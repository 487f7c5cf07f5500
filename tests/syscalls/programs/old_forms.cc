// Numbers that newer ones with a flags argument have replaced, and that old static programs still use: eventfd(2),
// signalfd(2), inotify_init(2).
#include <signal.h>

#include <cstdint>

#include "report.h"

namespace {

void by_eventfd() {
  const int fd = static_cast<int>(syscall(SYS_eventfd, 3));
  uint64_t value = 0;
  TRY(read(fd, &value, sizeof value));
  say("  counted %lu, flags %x %x", value, static_cast<unsigned>(fcntl(fd, F_GETFL)),
      static_cast<unsigned>(fcntl(fd, F_GETFD)));
  close(fd);
}

void by_signalfd() {
  uint64_t mask = 1UL << (SIGUSR1 - 1);
  TRY(syscall(SYS_signalfd, -1, &mask, sizeof mask - 1));
  const int fd = static_cast<int>(syscall(SYS_signalfd, -1, &mask, sizeof mask));
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, nullptr, sizeof mask);
  kill(getpid(), SIGUSR1);
  unsigned char information[128] = {};
  TRY(read(fd, information, sizeof information));
  say("  signal %d, flags %x", information[0], static_cast<unsigned>(fcntl(fd, F_GETFD)));
  close(fd);
}

void by_inotify_init() {
  const int fd = static_cast<int>(syscall(SYS_inotify_init));
  say("  flags %x %x", static_cast<unsigned>(fcntl(fd, F_GETFL)), static_cast<unsigned>(fcntl(fd, F_GETFD)));
  close(fd);
}

}  // namespace

int main() {
  by_eventfd();
  by_signalfd();
  by_inotify_init();
  return 0;
}
