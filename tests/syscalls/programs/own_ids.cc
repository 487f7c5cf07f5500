// getpid(2), gettid(2), getppid(2) as C libraries make them and as a call whose number nobody can read in the text: the two
// agree in every kind of child, whatever memory it shares, and in the first process.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/time.h>

#include <initializer_list>

#include "report.h"

namespace {

long raw(long number) { return syscall(number); }

// What of it is right, in bits; children that share memory may not print.
int agreement() {
  int right = 0;
  if (getpid() == raw(SYS_getpid)) right |= 1;
  if (gettid() == raw(SYS_gettid)) right |= 2;
  if (getppid() == raw(SYS_getppid)) right |= 4;
  if (getpid() == gettid()) right |= 8;
  return right;
}

int status_of(pid_t pid) {
  int status = 0;
  return waitpid(pid, &status, __WALL) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void* in_thread(void* result) {
  *static_cast<int*>(result) = agreement();
  return nullptr;
}

int in_clone(void* parent) { return agreement() | (getppid() == *static_cast<pid_t*>(parent) ? 16 : 0); }

void handler(int) {}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return agreement() | (getppid() == atoi(argv[1]) ? 16 : 0);
  say("first process: %d, %d %d %d", agreement(), getpid() == 1, gettid() == 1, getppid());
  pid_t own = getpid();

  pthread_t thread;
  int result = 0;
  pthread_create(&thread, nullptr, in_thread, &result);
  pthread_join(thread, nullptr);
  say("thread: %d", result);

  pid_t child = fork();
  if (child == 0) _exit(agreement() | (getppid() == own ? 16 : 0));
  say("fork: %d", status_of(child));

  child = fork();
  if (child == 0) {
    own = getpid();
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(agreement() | (getppid() == own ? 16 : 0));
    _exit(status_of(grandchild));
  }
  say("grandchild: %d", status_of(child));

  own = getpid();
  child = vfork();
  if (child == 0) _exit(agreement() | (getppid() == own ? 16 : 0));
  say("vfork: %d, then %d", status_of(child), agreement());

  static char stack[65536];
  for (const int flags : {CLONE_VM | SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD, SIGCHLD}) {
    child = clone(in_clone, stack + sizeof stack, flags, &own);
    say("clone %x: %d, then %d", static_cast<unsigned>(flags), status_of(child), agreement());
  }

  char number[16];
  snprintf(number, sizeof number, "%d", own);
  char* const arguments[] = {argv[0], number, nullptr};
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) == 0) say("spawned: %d", status_of(child));

  // Orphans go to the first process.
  int ends[2];
  if (pipe(ends) != 0) return 1;
  child = fork();
  if (child == 0) {
    const pid_t middle = getpid();
    if (fork() == 0) {
      while (getppid() == middle) usleep(1000);
      const int right = agreement() | (getppid() == 1 ? 16 : 0);
      (void)!write(ends[1], &right, sizeof right);
    }
    _exit(0);
  }
  status_of(child);
  if (read(ends[0], &result, sizeof result) == sizeof result) say("orphan: %d", result);

  // Signals in between.
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  child = fork();
  if (child == 0) {
    const itimerval often = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &often, nullptr);
    const pid_t self = getpid();
    int wrong = 0;
    for (int i = 0; i < 20000; ++i) wrong += getpid() != self || gettid() != self;
    _exit(wrong == 0 ? agreement() : 99);
  }
  say("under signals: %d", status_of(child));
  return 0;
}
