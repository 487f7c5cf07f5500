// Two containers that share a directory, a host process of the same user, and a terminal of the caller's: the attacker tries to
// reach all of them, also through descriptors that the victim gives away.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hostile.h"

enum { kGiven = 5, kPidLimit = 16 };
enum { kPidfd, kDirectory, kTerminal, kProcess, kMaster };  // what the victim gives away

static pid_t pids[kPidLimit];  // outside this container; 0 ends
static char buffer[4096];

// --- the victim

static void note(int number) {
  const char digit[2] = {(char)('0' + number / 10), (char)('0' + number % 10)};
  const int fd = open("/shared/touched", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  (void)!write(fd, digit, 2);
  close(fd);
}

static int give(int connection, const int* fds) {
  char byte = 'x';
  struct iovec vector = {&byte, 1};
  char control[CMSG_SPACE(kGiven * sizeof(int))];
  struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(kGiven * sizeof(int));
  memcpy(CMSG_DATA(part), fds, kGiven * sizeof(int));
  return sendmsg(connection, &header, 0) == 1 ? 0 : -1;
}

static struct sockaddr_un shared_address(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/shared/socket"};
  return address;
}

// Leads a session with a terminal, notes every signal, and gives descriptors to whoever connects.
int victim_main(void) {
  for (int number = 1; number < SIGRTMAX; ++number) {
    if (number != SIGCHLD && number != SIGKILL && number != SIGSTOP) signal(number, note);
  }
  const pid_t child = fork();
  if (child == 0) {
    while (1) pause();
  }
  int fds[kGiven];
  fds[kPidfd] = (int)syscall(SYS_pidfd_open, child, 0);
  fds[kDirectory] = open("/private", O_RDONLY | O_DIRECTORY);
  fds[kMaster] = posix_openpt(O_RDWR | O_NOCTTY);
  (void)unlockpt(fds[kMaster]);
  fds[kTerminal] = open(ptsname(fds[kMaster]), O_RDWR | O_NOCTTY);
  (void)ioctl(fds[kTerminal], TIOCSCTTY, 0);
  fds[kProcess] = open("/proc/self", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < kGiven; ++i) {
    if (fds[i] < 0) {
      printf("the victim lacks descriptor %d: %s\n", i, strerror(errno));
      return 1;
    }
  }
  struct sockaddr_un address = shared_address();
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 64) != 0) return 1;
  while (1) {
    const int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    (void)give(connection, fds);
    close(connection);
  }
}

// --- the attacker

static int take(int* fds) {
  struct sockaddr_un address = shared_address();
  const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(connection, (struct sockaddr*)&address, sizeof address) != 0) return -1;
  char byte = 0;
  struct iovec vector = {&byte, 1};
  char control[CMSG_SPACE(kGiven * sizeof(int))];
  struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(connection, &header, 0) != 1) return -1;
  const struct cmsghdr* part = CMSG_FIRSTHDR(&header);
  if (part == NULL || part->cmsg_type != SCM_RIGHTS || part->cmsg_len != CMSG_LEN(kGiven * sizeof(int))) return -1;
  memcpy(fds, CMSG_DATA(part), kGiven * sizeof(int));
  return connection;
}

#define FOR_EACH_PID(statement)                           \
  do {                                                    \
    for (int i = 0; i < kPidLimit && pids[i] != 0; ++i) { \
      const long pid = pids[i];                           \
      claims += (statement);                              \
    }                                                     \
  } while (0)

static int try_signals(const struct target* t) {
  (void)t;
  static const int numbers[] = {0, SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGHUP};
  int claims = 0;
  for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; ++n) {
    const int number = numbers[n];
    FOR_EACH_PID(claimed("kill", raw(SYS_kill, pid, number)));
    FOR_EACH_PID(claimed("kill group", raw(SYS_kill, -pid, number)));
    FOR_EACH_PID(claimed("tkill", raw(SYS_tkill, pid, number)));
    FOR_EACH_PID(claimed("tgkill", raw(SYS_tgkill, pid, pid, number)));
    FOR_EACH_PID(claimed("tgkill own group", raw(SYS_tgkill, getpid(), pid, number)));
  }
  return claims;
}

static int try_everyone(const struct target* t) {
  (void)t;
  for (int number = 1; number < 64; ++number) {
    if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_IGN);
  }
  raw(SYS_kill, -1, SIGTERM);
  raw(SYS_kill, -1, SIGKILL);
  raw(SYS_kill, 0, SIGHUP);
  return 0;
}

static int try_groups(const struct target* t) {
  (void)t;
  int claims = 0;
  FOR_EACH_PID(claimed("setpgid self", raw(SYS_setpgid, 0, pid)));
  FOR_EACH_PID(claimed("setpgid other", raw(SYS_setpgid, pid, 0)));
  FOR_EACH_PID(claimed("getpgid", raw(SYS_getpgid, pid)));
  FOR_EACH_PID(claimed("getsid", raw(SYS_getsid, pid)));
  const pid_t child = fork();
  if (child == 0) {
    sleep(5);
    _exit(0);
  }
  FOR_EACH_PID(claimed("setpgid child", raw(SYS_setpgid, child, pid)));
  raw(SYS_kill, child, SIGKILL);
  return claims;
}

// The driver's canary has the same user: what is set for a user must end at the container.
static int try_users(const struct target* t) {
  (void)t;
  int claims = 0;
  raw(SYS_setpriority, PRIO_USER, 0, 19);
  raw(SYS_setpriority, PRIO_USER, getuid(), 19);
  raw(SYS_ioprio_set, 3, 0, (3 << 13) | 7);
  raw(SYS_ioprio_set, 3, getuid(), (3 << 13) | 7);
  FOR_EACH_PID(claimed("setpriority group", raw(SYS_setpriority, PRIO_PGRP, pid, 19)));
  FOR_EACH_PID(claimed("getpriority group", raw(SYS_getpriority, PRIO_PGRP, pid)));
  FOR_EACH_PID(claimed("ioprio_set group", raw(SYS_ioprio_set, 2, pid, (3 << 13) | 7)));
  FOR_EACH_PID(claimed("ioprio_get group", raw(SYS_ioprio_get, 2, pid)));
  return claims;
}

static int try_scheduling(const struct target* t) {
  (void)t;
  int claims = 0;
  const int zero = 0;
  unsigned long mask = 1;
  struct {
    unsigned size, policy;
    unsigned long flags;
    int nice;
    unsigned priority;
    unsigned long times[3];
  } attributes = {.size = 48, .policy = 3, .nice = 19};
  unsigned long limits[2] = {1, 1};
  FOR_EACH_PID(claimed("sched_setparam", raw(SYS_sched_setparam, pid, &zero)));
  FOR_EACH_PID(claimed("sched_setattr", raw(SYS_sched_setattr, pid, &attributes, 0)));
  FOR_EACH_PID(claimed("sched_setscheduler", raw(SYS_sched_setscheduler, pid, 3, &zero)));
  FOR_EACH_PID(claimed("sched_setaffinity", raw(SYS_sched_setaffinity, pid, sizeof mask, &mask)));
  FOR_EACH_PID(claimed("setpriority", raw(SYS_setpriority, PRIO_PROCESS, pid, 19)));
  FOR_EACH_PID(claimed("ioprio_set", raw(SYS_ioprio_set, 1, pid, (3 << 13) | 7)));
  FOR_EACH_PID(claimed("kcmp", raw(SYS_kcmp, getpid(), pid, 0, 0, 0)));
  for (int limit = 0; limit < 16; ++limit) {
    FOR_EACH_PID(claimed("prlimit get", raw(SYS_prlimit64, pid, limit, 0, buffer)));
    FOR_EACH_PID(claimed("prlimit set", raw(SYS_prlimit64, pid, limit, limits, 0)));
  }
  return claims;
}

static int try_proc(const struct target* t) {
  (void)t;
  static const char* const names[] = {"",     "mem",  "environ", "maps", "cmdline", "stat", "status", "fd",
                                      "fd/0", "fd/1", "root",    "cwd",  "exe",     "task", "ns/net", "fdinfo"};
  int claims = 0;
  for (size_t n = 0; n < sizeof names / sizeof names[0]; ++n) {
    for (int i = 0; i < kPidLimit && pids[i] != 0; ++i) {
      char path[64];
      (void)snprintf(path, sizeof path, "/proc/%d/%s", pids[i], names[n]);
      claims += claimed(path, raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0));
      claims += claimed(path, raw(SYS_readlink, path, buffer, sizeof buffer));
      (void)snprintf(path, sizeof path, "/proc/%d/task/%d/%s", getpid(), pids[i], names[n]);
      claims += claimed(path, raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0));
    }
  }
  return claims;
}

static int try_pidfd(const struct target* t) {
  (void)t;
  int fds[kGiven];
  if (take(fds) < 0) return claimed("(the victim gave nothing)", 0);
  int claims = 0;
  const int numbers[] = {0, SIGTERM, SIGKILL};
  for (int n = 0; n < 3; ++n) {
    claims += claimed("pidfd_send_signal", raw(SYS_pidfd_send_signal, fds[kPidfd], numbers[n], 0, 0));
    claims += claimed("pidfd_send_signal group", raw(SYS_pidfd_send_signal, fds[kPidfd], numbers[n], 0, 4));
    claims += claimed("pidfd_send_signal by /proc", raw(SYS_pidfd_send_signal, fds[kProcess], numbers[n], 0, 0));
  }
  for (int fd = 0; fd < 8; ++fd) claims += claimed("pidfd_getfd", raw(SYS_pidfd_getfd, fds[kPidfd], fd, 0));
  claims += claimed("setns", raw(SYS_setns, fds[kPidfd], 0x40000000));
  claims += claimed("waitid", raw(SYS_waitid, 3, fds[kPidfd], buffer, WEXITED | WNOHANG, 0));
  struct iovec vector = {buffer, sizeof buffer};
  claims += claimed("process_madvise", raw(SYS_process_madvise, fds[kPidfd], &vector, 1, 20, 0));
  claims += claimed("process_mrelease", raw(SYS_process_mrelease, fds[kPidfd], 0));
  FOR_EACH_PID(claimed("pidfd_open", raw(SYS_pidfd_open, pid, 0)));
  FOR_EACH_PID(claimed("pidfd_open thread", raw(SYS_pidfd_open, pid, O_EXCL)));
  FOR_EACH_PID(claimed("waitid pid", raw(SYS_waitid, 1, pid, buffer, WEXITED | WNOHANG, 0)));
  return claims;
}

// Nothing above a directory that came from another container can be named.
static int try_directory(const struct target* t) {
  (void)t;
  int fds[kGiven];
  if (take(fds) < 0) return claimed("(the victim gave nothing)", 0);
  static const char* const paths[] = {"../secret",   "../../secret", "inner/../../secret",
                                      "link/secret", "./../secret",  "../private/../secret"};
  int claims = 0;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; ++i) {
    claims += claimed(paths[i], raw(SYS_openat, fds[kDirectory], paths[i], O_RDONLY, 0));
    claims += claimed(paths[i], raw(SYS_newfstatat, fds[kDirectory], paths[i], buffer, 0));
    claims += claimed(paths[i], raw(SYS_unlinkat, fds[kDirectory], paths[i], 0));
    claims += claimed(paths[i], raw(SYS_linkat, fds[kDirectory], paths[i], AT_FDCWD, "/stolen", 0));
    claims += claimed(paths[i], raw(SYS_renameat, fds[kDirectory], paths[i], AT_FDCWD, "/stolen"));
  }
  if (raw(SYS_fchdir, fds[kDirectory]) >= 0) {
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; ++i)
      claims += claimed(paths[i], raw(SYS_open, paths[i], O_RDONLY, 0));
  }
  static const char* const of_process[] = {"environ", "mem", "maps", "fd/0", "root/secret", "cwd/secret"};
  for (size_t i = 0; i < sizeof of_process / sizeof of_process[0]; ++i) {
    claims += claimed(of_process[i], raw(SYS_openat, fds[kProcess], of_process[i], O_RDONLY | O_NONBLOCK, 0));
  }
  return claims;
}

static int try_terminal_calls(const char* whose, int fd) {
  int claims = 0;
  int number = pids[0];
  char text[64];
  const struct {
    const char* name;
    unsigned long request;
    const void* argument;
  } calls[] = {{"TIOCSTI", TIOCSTI, "x"},         {"TIOCSCTTY", TIOCSCTTY, (void*)0}, {"TIOCSCTTY steal", TIOCSCTTY, (void*)1},
               {"TIOCSPGRP", TIOCSPGRP, &number}, {"TIOCNOTTY", TIOCNOTTY, NULL},     {"TIOCCONS", TIOCCONS, NULL},
               {"TIOCLINUX", TIOCLINUX, "\3"},    {"TIOCVHANGUP", 0x5437, NULL},      {"FIOSETOWN", 0x8901, &number},
               {"TIOCSETD", TIOCSETD, &(int){27}}};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
    (void)snprintf(text, sizeof text, "%s on %s", calls[i].name, whose);
    claims += claimed(text, raw(SYS_ioctl, fd, calls[i].request, calls[i].argument));
    // The kernel looks at 32 bits of the request only.
    claims += claimed(text, raw(SYS_ioctl, fd, calls[i].request | 1UL << 32, calls[i].argument));
  }
  FOR_EACH_PID(claimed("F_SETOWN", raw(SYS_fcntl, fd, F_SETOWN, pid)));
  FOR_EACH_PID(claimed("F_SETOWN group", raw(SYS_fcntl, fd, F_SETOWN, -pid)));
  for (int type = 0; type < 3; ++type) {
    for (int i = 0; i < kPidLimit && pids[i] != 0; ++i) {
      const int owner[2] = {type, pids[i]};
      claims += claimed("F_SETOWN_EX", raw(SYS_fcntl, fd, F_SETOWN_EX, owner));
    }
  }
  return claims;
}

// The terminal that the caller left as standard input, and those that the victim gave; as a session's leader and without.
static int try_terminals(const struct target* t) {
  (void)t;
  int fds[kGiven];
  if (take(fds) < 0) return claimed("(the victim gave nothing)", 0);
  int claims = 0;
  for (int round = 0; round < 2; ++round) {
    claims += try_terminal_calls("the caller's", STDIN_FILENO);
    claims += try_terminal_calls("the victim's", fds[kTerminal]);
    claims += try_terminal_calls("the victim's master", fds[kMaster]);
    claims += claimed("/dev/tty", raw(SYS_openat, AT_FDCWD, "/dev/tty", O_RDWR, 0));
    raw(SYS_setsid);
  }
  claims += claimed("vhangup", raw(SYS_vhangup));
  return claims;
}

static int try_asynchronous(const struct target* t) {
  (void)t;
  int claims = 0;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 0;
  raw(SYS_fcntl, ends[0], F_SETSIG, SIGKILL);
  raw(SYS_fcntl, ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
  FOR_EACH_PID(claimed("F_SETOWN", raw(SYS_fcntl, ends[0], F_SETOWN, pid)));
  (void)!write(ends[1], "x", 1);
  for (int i = 0; i < kPidLimit && pids[i] != 0; ++i) {
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = 4;  // SIGEV_THREAD_ID
    event.sigev_signo = SIGTERM;
    *((int*)&event + 4) = pids[i];
    int timer = 0;
    claims += claimed("timer_create", raw(SYS_timer_create, 1, &event, &timer));
  }
  return claims;
}

// A sender's id that is not its own.
static int try_credentials(const struct target* t) {
  (void)t;
  int claims = 0;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) return 0;
  for (int i = 0; i < kPidLimit && pids[i] != 0; ++i) {
    char byte = 'x';
    struct iovec vector = {&byte, 1};
    char control[CMSG_SPACE(sizeof(struct ucred))];
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_CREDENTIALS;
    part->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    const struct ucred forged = {pids[i], getuid(), getgid()};
    memcpy(CMSG_DATA(part), &forged, sizeof forged);
    claims += claimed("SCM_CREDENTIALS", raw(SYS_sendmsg, ends[0], &header, 0));
  }
  return claims;
}

// Stays behind with the caller's terminal, out of reach of hang-ups: the container's end must be its end.
static int try_staying(const struct target* t) {
  (void)t;
  if (fork() == 0) {
    raw(SYS_setsid);
    for (int number = 1; number < 64; ++number) signal(number, SIG_IGN);
    if (fork() == 0) {
      while (1) sleep(1000);
    }
    _exit(0);
  }
  return 0;
}

#define ENTRY(name) \
  { #name, try_##name }
const struct attempt neighbour_attempts[] = {
    ENTRY(signals),   ENTRY(everyone),     ENTRY(groups),      ENTRY(users),   ENTRY(scheduling), ENTRY(proc), ENTRY(pidfd),
    ENTRY(directory), ENTRY(asynchronous), ENTRY(credentials), ENTRY(staying), ENTRY(terminals),  {NULL, NULL}};

void set_neighbours(char** arguments, int count) {
  for (int i = 0; i < count && i < kPidLimit - 1; ++i) pids[i] = atoi(arguments[i]);
}
