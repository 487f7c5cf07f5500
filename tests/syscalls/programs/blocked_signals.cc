// Signals that are blocked reach their process, whatever they do by default, even where it is a container's init: they wait
// for sigtimedwait(2), signalfd(2) or a handler that comes later (kernel/signal.c, sig_ignored).
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "report.h"

namespace {

const struct timespec kLong = {20, 0};

// A child sends `signal` to this process, after `delay_ms`.
pid_t send_later(int signal, int delay_ms) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    usleep(static_cast<useconds_t>(delay_ms) * 1000);
    _exit(kill(parent, signal) == 0 ? 0 : errno);
  }
  return child;
}

void reap(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) == child) say("  the sender's status: %x", static_cast<unsigned>(status));
}

void by_waiting(int delay_ms, int wait_first_ms) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const pid_t child = send_later(SIGTERM, delay_ms);
  usleep(static_cast<useconds_t>(wait_first_ms) * 1000);
  siginfo_t information = {};
  TRY(sigtimedwait(&set, &information, &kLong));
  say("  from the child: %d, code %d", information.si_pid == child, information.si_code);
  reap(child);
}

void by_signalfd() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC);
  const pid_t child = send_later(SIGUSR1, 50);
  struct signalfd_siginfo information = {};
  TRY(read(fd, &information, sizeof information));
  say("  signal %u from the child: %d", information.ssi_signo, information.ssi_pid == static_cast<uint32_t>(child));
  reap(child);
  close(fd);
}

void by_later_handler() {
  static volatile sig_atomic_t seen = 0;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  reap(send_later(SIGUSR2, 0));
  struct sigaction action = {};
  action.sa_handler = [](int signal) { seen = signal; };
  sigaction(SIGUSR2, &action, nullptr);
  say("  before: %d", seen);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  say("  after: %d", seen);
}

}  // namespace

int main() {
  by_waiting(100, 0);  // sent while it waits
  by_waiting(0, 100);  // sent before
  by_signalfd();
  by_later_handler();
  return 0;
}
