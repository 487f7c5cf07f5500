// wait4(2), waitid(2), pidfd_open(2), zombies, orphans and subreapers, as the first process of the container and as another.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "report.h"

namespace {

constexpr int kNoMembersPid = 3999999;  // within pid_max, and nobody's

long wait4_raw(pid_t pid, int* status, int options, struct rusage* usage) {
  return syscall(SYS_wait4, pid, status, options, usage);
}

long waitid_raw(int which, id_t id, siginfo_t* info, int options, struct rusage* usage = nullptr) {
  return syscall(SYS_waitid, which, id, info, options, usage);
}

int pidfd_open_raw(pid_t pid, unsigned flags) { return static_cast<int>(syscall(SYS_pidfd_open, pid, flags)); }

void show_info(const char* what, const siginfo_t& info, pid_t expected) {
  say("  %s: signo %d code %d status %d pid %s", what, info.si_signo, info.si_code, info.si_status,
      info.si_pid == expected ? "as expected" : (info.si_pid == 0 ? "0" : "another"));
}

// Waits for an event without taking it, so that what follows does not depend on time.
void settle(pid_t pid, int events) {
  siginfo_t info;
  waitid_raw(P_PID, static_cast<id_t>(pid), &info, events | WNOWAIT);
}

void statuses() {
  int status = 0;
  struct rusage usage;
  // Of a little memory the kernel's counters say nothing for certain.
  const pid_t exiting = child([] {
    static char memory[4U << 20U];
    memset(memory, 1, sizeof memory);
    asm volatile("" : : "r"(memory) : "memory");
    _exit(7);
  });
  say("wait4 gives the child: %d", wait4_raw(exiting, &status, 0, &usage) == exiting);
  say("  status %x, used %d", status, usage.ru_maxrss > 0);
  const pid_t killed = child([] { pause(); });
  kill(killed, SIGTERM);
  say("wait4 gives the child: %d", wait4_raw(-1, &status, 0, nullptr) == killed);
  say("  status %x", status);
  TRY(wait4_raw(-1, &status, 0, nullptr));
  TRY(wait4_raw(exiting, &status, WNOHANG, nullptr));
  TRY(wait4_raw(-1, &status, 0x100, nullptr));
  TRY(wait4_raw(INT32_MIN, &status, 0, nullptr));
  TRY(wait4_raw(kNoMembersPid, &status, 0, nullptr));
  TRY(wait4_raw(-kNoMembersPid, &status, 0, nullptr));
  TRY(wait4_raw(1, &status, 0, nullptr));
  const pid_t group = child([] {
    setpgid(0, 0);
    _exit(3);
  });
  settle(group, WEXITED);
  TRY(wait4_raw(0, &status, WNOHANG, nullptr));
  say("wait4 by group: %d", wait4_raw(-group, &status, 0, nullptr) == group);
  const pid_t bad = child([] {});
  TRY(wait4_raw(bad, reinterpret_cast<int*>(bad_pointer), 0, nullptr));
}

void stops() {
  int status = 0;
  siginfo_t info;
  const pid_t pid = child([] {
    while (true) pause();
  });
  TRY(wait4_raw(pid, &status, WNOHANG | WUNTRACED | WCONTINUED, nullptr));
  kill(pid, SIGSTOP);
  settle(pid, WSTOPPED);
  TRY(wait4_raw(pid, &status, WNOHANG, nullptr));
  memset(&info, 0, sizeof info);
  TRY(waitid_raw(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT));
  show_info("stopped, left", info, pid);
  say("wait4 WUNTRACED: %d", wait4_raw(pid, &status, WUNTRACED, nullptr) == pid);
  say("  status %x", status);
  TRY(wait4_raw(pid, &status, WUNTRACED | WNOHANG, nullptr));
  kill(pid, SIGCONT);
  memset(&info, 0, sizeof info);
  TRY(waitid_raw(P_PID, static_cast<id_t>(pid), &info, WCONTINUED));
  show_info("continued", info, pid);
  kill(pid, SIGTSTP);
  kill(pid, SIGKILL);
  memset(&info, 0, sizeof info);
  TRY(waitid_raw(P_ALL, 0, &info, WEXITED | WNOWAIT));
  show_info("killed, left", info, pid);
  memset(&info, 0, sizeof info);
  TRY(waitid_raw(P_ALL, 0, &info, WEXITED));
  show_info("killed", info, pid);
  TRY(waitid_raw(P_ALL, 0, &info, WEXITED));
}

void waitid_errors() {
  siginfo_t info;
  memset(&info, 0xff, sizeof info);
  TRY(waitid_raw(P_ALL, 0, &info, 0));
  TRY(waitid_raw(P_ALL, 0, &info, WNOHANG));
  TRY(waitid_raw(P_ALL, 0, &info, WEXITED | 0x100));
  TRY(waitid_raw(77, 0, &info, WEXITED));
  TRY(waitid_raw(P_PID, 0, &info, WEXITED));
  TRY(waitid_raw(P_PID, static_cast<id_t>(-1), &info, WEXITED));
  TRY(waitid_raw(P_PGID, static_cast<id_t>(-1), &info, WEXITED));
  TRY(waitid_raw(P_PIDFD, static_cast<id_t>(-1), &info, WEXITED));
  TRY(waitid_raw(P_PIDFD, 99, &info, WEXITED));
  TRY(waitid_raw(P_PIDFD, 1, &info, WEXITED));
  const pid_t pid = child([] { pause(); });
  TRY(waitid_raw(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG));
  say("  nothing yet: signo %d pid %d", info.si_signo, info.si_pid);
  TRY(waitid_raw(P_PGID, 0, &info, WEXITED | WNOHANG));
  TRY(waitid_raw(P_PGID, static_cast<id_t>(getpgrp()), &info, WEXITED | WNOHANG));
  TRY(waitid_raw(P_PGID, 1, &info, WEXITED | WNOHANG));
  kill(pid, SIGKILL);
  settle(pid, WEXITED);
  TRY(waitid_raw(P_PID, static_cast<id_t>(pid), reinterpret_cast<siginfo_t*>(bad_pointer), WEXITED));
  const pid_t second = child([] {});
  TRY(waitid_raw(P_PID, static_cast<id_t>(second), nullptr, WEXITED));
}

void by_pidfd() {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  const pid_t pid = child([] {
    char byte = 0;
    (void)!read(0, &byte, 0);
    pause();
  });
  const int pidfd = pidfd_open_raw(pid, 0);
  say("pidfd: %d, close on exec %d", pidfd >= 0, fcntl(pidfd, F_GETFD));
  struct pollfd poller = {pidfd, POLLIN, 0};
  TRY(poll(&poller, 1, 0));
  TRY(waitid_raw(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG));
  fcntl(pidfd, F_SETFL, O_NONBLOCK);
  TRY(waitid_raw(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED));
  kill(pid, SIGKILL);
  TRY(poll(&poller, 1, -1));
  say("  revents %x", poller.revents);
  TRY(waitid_raw(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED));
  show_info("by pidfd", info, pid);
  TRY(waitid_raw(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED));
  char byte = 0;
  TRY(read(pidfd, &byte, 1));
  TRY(write(pidfd, &byte, 1));
  close(pidfd);
  TRY(pidfd_open_raw(pid, 0));
  TRY(pidfd_open_raw(kNoMembersPid, 0));
  TRY(pidfd_open_raw(0, 0));
  TRY(pidfd_open_raw(-1, 0));
  TRY(pidfd_open_raw(1, 1));
  TRY_OPEN(pidfd_open_raw(1, O_NONBLOCK) >= 0 ? open("/dev/null", O_RDONLY) : -1);
  const pid_t zombie = child([] {});
  settle(zombie, WEXITED);
  const int of_zombie = pidfd_open_raw(zombie, 0);
  say("pidfd of a zombie: %d", of_zombie >= 0);
  close(of_zombie);
  TRY(kill(zombie, 0));
  TRY(kill(zombie, SIGKILL));
  say("its group %d, its session %d", getpgid(zombie) == getpgrp(), getsid(zombie) == getsid(0));
  waitpid(zombie, nullptr, 0);
  TRY(kill(zombie, 0));
}

void ignored_children() {
  signal(SIGCHLD, SIG_IGN);
  const pid_t pid = child([] {});
  int status = 0;
  TRY(wait4_raw(pid, &status, 0, nullptr));
  signal(SIGCHLD, SIG_DFL);
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  action.sa_flags = SA_NOCLDWAIT;
  sigaction(SIGCHLD, &action, nullptr);
  child([] {});
  TRY(wait4_raw(-1, &status, 0, nullptr));
  action.sa_flags = 0;
  sigaction(SIGCHLD, &action, nullptr);
}

// Children that announce their end with another signal, or none.
void clone_children() {
  int status = 0;
  fflush(stdout);
  const pid_t pid = static_cast<pid_t>(syscall(SYS_clone, 0UL, nullptr, nullptr, nullptr, 0UL));
  if (pid == 0) _exit(4);
  TRY(wait4_raw(-1, &status, 0, nullptr));
  TRY(wait4_raw(-1, &status, __WCLONE, nullptr) == pid);
  say("  status %x", status);
  signal(SIGUSR1, SIG_IGN);
  const pid_t other =
      static_cast<pid_t>(syscall(SYS_clone, static_cast<unsigned long>(SIGUSR1), nullptr, nullptr, nullptr, 0UL));
  if (other == 0) _exit(5);
  TRY(wait4_raw(-1, &status, __WALL, nullptr) == other);
  say("  status %x", status);
  TRY(wait4_raw(-1, &status, __WNOTHREAD, nullptr));
  signal(SIGUSR1, SIG_DFL);
}

// Where a grandchild goes when its parent has ended.
void orphans() {
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t parent = child([&] {
    child([&] {
      int byte = 0;
      while (getppid() != 1) usleep(1000);
      byte = getppid();
      (void)!write(ends[1], &byte, sizeof byte);
      _exit(9);
    });
  });
  waitpid(parent, nullptr, 0);
  int adopter = 0;
  (void)!read(ends[0], &adopter, sizeof adopter);
  say("an orphan's parent is %d", adopter);
  int status = 0;
  if (getpid() == 1) {
    say("init reaps it: %d", wait4_raw(-1, &status, 0, nullptr) > 0);
    say("  status %x", status);
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int reaper = 0;
  TRY(prctl(PR_GET_CHILD_SUBREAPER, &reaper));
  say("  %d", reaper);
  const pid_t second = child([&] {
    const pid_t grand = getppid();
    const pid_t self = getpid();
    child([&] {
      while (getppid() == self) usleep(1000);
      const int answer = getppid() == grand ? 1 : 0;
      (void)!write(ends[1], &answer, sizeof answer);
      _exit(8);
    });
  });
  waitpid(second, nullptr, 0);
  (void)!read(ends[0], &adopter, sizeof adopter);
  say("a subreaper adopts: %d", adopter);
  say("and reaps: %d", wait4_raw(-1, &status, 0, nullptr) > 0);
  say("  status %x", status);
  TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
  TRY(prctl(PR_GET_CHILD_SUBREAPER, &reaper));
  say("  %d", getpid() == 1 ? 0 : reaper);
  close(ends[0]);
  close(ends[1]);
}

void parent_death() {
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t middle = child([&] {
    int ready[2];
    if (pipe(ready) != 0) return;
    child([&] {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR2);
      sigprocmask(SIG_BLOCK, &set, nullptr);
      prctl(PR_SET_PDEATHSIG, SIGUSR2);
      (void)!write(ready[1], "", 1);
      siginfo_t info;
      const int got = sigwaitinfo(&set, &info);
      const int answer = got * 10 + (info.si_code == SI_USER ? 1 : 0);
      (void)!write(ends[1], &answer, sizeof answer);
    });
    char byte = 0;
    (void)!read(ready[0], &byte, 1);
  });
  waitpid(middle, nullptr, 0);
  int answer = 0;
  (void)!read(ends[0], &answer, sizeof answer);
  say("PR_SET_PDEATHSIG: %d", answer);
  if (getpid() == 1) waitpid(-1, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
}

void vforked() {
  static volatile int shared = 0;
  const pid_t pid = vfork();
  if (pid == 0) {
    shared = 5;
    _exit(6);
  }
  int status = 0;
  say("vfork: shared %d, waited %d", shared, wait4_raw(pid, &status, 0, nullptr) == pid);
  say("  status %x", status);
}

void all() {
  say("getpid() == 1: %d; getppid() == 0: %d", getpid() == 1, getppid() == 0);
  statuses();
  stops();
  waitid_errors();
  by_pidfd();
  ignored_children();
  clone_children();
  orphans();
  parent_death();
  vforked();
}

}  // namespace

int main() {
  enter_work_directory("wait");
  all();
  in_child(all);
  in_child(all, 1000, 1000);
  return 0;
}
