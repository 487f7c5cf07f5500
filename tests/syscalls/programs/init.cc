// The first process: what would end or stop another by default, whoever sends it, does not reach it (pid_namespaces(7)), and
// what it sends itself comes from process 1. Its children are like any other process.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include <initializer_list>

#include "report.h"

namespace {

constexpr int kSignals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,   SIGTSTP,
                            SIGTTIN, SIGTTOU, SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  SIGTRAP, SIGXCPU, SIGVTALRM, SIGSEGV};

sigset_t set_of(int number) {
  sigset_t set;
  sigemptyset(&set);
  if (number != 0) sigaddset(&set, number);
  return set;
}

void broken_pipe() {
  int ends[2];
  if (pipe(ends) != 0) return;
  close(ends[0]);
  TRY(write(ends[1], "x", 1));
  close(ends[1]);
}

void timers() {
  const struct itimerval soon = {{0, 0}, {0, 10000}};
  TRY(setitimer(ITIMER_REAL, &soon, nullptr));
  usleep(50000);
  timer_t timer;
  struct sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGTERM;
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  const struct itimerspec once = {{0, 0}, {0, 10000000}};
  TRY(timer_settime(timer, 0, &once, nullptr));
  usleep(50000);
  timer_delete(timer);
}

void too_large_file() {
  const int fd = open("large", O_WRONLY | O_CREAT, 0644);
  struct rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const struct rlimit small = {10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  TRY(pwrite(fd, "x", 1, 20));
  setrlimit(RLIMIT_FSIZE, &before);
  close(fd);
}

// It waits until it is let through, and comes to nothing then.
void blocked(int number) {
  const sigset_t set = set_of(number);
  sigset_t pending;
  sigprocmask(SIG_BLOCK, &set, nullptr);
  kill(getpid(), number);
  sigpending(&pending);
  const int waits = sigismember(&pending, number);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  sigpending(&pending);
  say("signal %d: pending %d, then %d", number, waits, sigismember(&pending, number));
}

volatile sig_atomic_t caught = 0;
volatile sig_atomic_t from_itself = 0;
void on_signal(int /*signal*/, siginfo_t* info, void* /*context*/) {
  caught = caught + 1;
  from_itself = info->si_pid == getpid() ? 1 : 0;
}

void handled() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  TRY(raise(SIGUSR1));
  say("caught %d from itself %d", caught, from_itself);
  TRY(kill(getpid(), SIGUSR1));
  say("caught %d from itself %d", caught, from_itself);
  const union sigval value = {0};
  TRY(sigqueue(getpid(), SIGUSR1, value));
  say("caught %d from itself %d", caught, from_itself);
  signal(SIGUSR1, SIG_DFL);
}

// Of a call that does not wait, a handler without SA_RESTART must not be felt.
void handled_without_restart() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGALRM, &action, nullptr);
  const struct itimerval often = {{0, 300}, {0, 300}};
  setitimer(ITIMER_REAL, &often, nullptr);
  int interrupted = 0;
  for (int i = 0; i < 5000; ++i) {
    if (access("/none", F_OK) != 0 && errno == EINTR) ++interrupted;
  }
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, nullptr);
  say("interrupted %d", interrupted);
  // A wait is ended by it.
  const struct itimerval soon = {{0, 0}, {0, 20000}};
  int ends[2];
  if (pipe(ends) != 0) return;
  char byte;
  setitimer(ITIMER_REAL, &soon, nullptr);
  TRY(read(ends[0], &byte, 1));
  setitimer(ITIMER_REAL, &soon, nullptr);
  TRY(open("fifo", O_RDONLY));
  const pid_t child = fork();
  if (child == 0) {
    while (true) pause();
  }
  setitimer(ITIMER_REAL, &soon, nullptr);
  TRY(waitpid(child, nullptr, 0));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  signal(SIGALRM, SIG_DFL);
}

void* wait_for_ever(void* /*argument*/) {
  while (true) pause();
}

void threads() {
  pthread_t thread;
  pthread_create(&thread, nullptr, wait_for_ever, nullptr);
  for (const int number : {SIGTERM, SIGPIPE, SIGTSTP}) TRY(pthread_kill(thread, number));
  TRY(pthread_cancel(thread));
  void* result = nullptr;
  TRY(pthread_join(thread, &result));
  say("cancelled %d", result == PTHREAD_CANCELED);
}

}  // namespace

int main() {
  enter_work_directory("init");
  broken_pipe();
  timers();
  too_large_file();
  for (const int number : kSignals) {
    TRY(raise(number));
    blocked(number);
  }
  handled();
  mkfifo("fifo", 0600);
  handled_without_restart();
  threads();
  in_child(broken_pipe);
  in_child(too_large_file);
  for (const int number : {SIGTERM, SIGALRM, SIGSEGV}) in_child([number] { raise(number); });
  return 0;
}
