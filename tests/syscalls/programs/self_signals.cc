// Signals to oneself: what arrives, where, and what does not.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <initializer_list>

#include "report.h"

namespace {

std::atomic<int> deliveries;
std::atomic<pid_t> delivered_to;
sigjmp_buf way_out;

void describe(int signal, siginfo_t* info, void*) {
  ++deliveries;
  delivered_to = gettid();
  say("  %d: code %d, of itself %d", signal, info->si_code, info->si_pid == getpid());
}

void again(int signal) {
  if (++deliveries < 3) raise(signal);
}

void leave(int) { siglongjmp(way_out, 1); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

void handle_with_information(int signal) {
  struct sigaction action = {};
  action.sa_sigaction = describe;
  action.sa_flags = SA_SIGINFO;
  sigaction(signal, &action, nullptr);
}

long thread_kill(pid_t process, pid_t thread, int signal) { return syscall(SYS_tgkill, process, thread, signal); }

void send_all_ways() {
  handle_with_information(SIGUSR1);
  TRY(raise(SIGUSR1));
  TRY(kill(getpid(), SIGUSR1));
  TRY(thread_kill(getpid(), gettid(), SIGUSR1));
  TRY(pthread_kill(pthread_self(), SIGUSR1));
  TRY(kill(getpid(), 0));
  TRY(thread_kill(getpid(), gettid(), 0));
  TRY(kill(getpid(), SIGRTMAX + 1));
  TRY(kill(getpid(), -1));
  TRY(thread_kill(getpid(), gettid(), SIGRTMAX + 1));
  TRY(thread_kill(getpid(), 0, SIGUSR1));
  TRY(thread_kill(0, gettid(), SIGUSR1));
  TRY(thread_kill(-getpid(), gettid(), SIGUSR1));
}

// One is kept for the thread and one for the process.
void send_while_blocked() {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &before);
  for (int i = 0; i < 3; ++i) {
    kill(getpid(), SIGUSR1);
    raise(SIGUSR1);
  }
  deliveries = 0;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  say("of six blocked: %d", deliveries.load());
}

void* in_thread(void* leader) {
  raise(SIGUSR1);
  say("raised in the thread itself: %d", delivered_to == gettid());
  thread_kill(getpid(), *static_cast<pid_t*>(leader), SIGUSR1);
  return nullptr;
}

void send_to_threads() {
  pid_t leader = gettid();
  pthread_t thread;
  pthread_create(&thread, nullptr, in_thread, &leader);
  pthread_join(thread, nullptr);
  say("sent to the first thread: %d", delivered_to == leader);
  pid_t other = fork();
  if (other == 0) {
    pause();
    _exit(0);
  }
  TRY(thread_kill(other, gettid(), SIGUSR1));
  TRY(thread_kill(getpid(), other, SIGUSR1));
  TRY(kill(other, SIGTERM));
  int status = 0;
  waitpid(other, &status, 0);
  say("the other process: %d", WTERMSIG(status));
}

int status_of(pid_t pid) {
  int status = 0;
  return waitpid(pid, &status, 0) == pid ? status : -1;
}

void end_vforked(int signal) {
  const pid_t pid = vfork();
  if (pid == 0) {
    kill(getpid(), signal);
    _exit(2);
  }
  say("kill(%d) of a vforked child: %x", signal, static_cast<unsigned>(status_of(pid)));
}

void end_by_signal() {
  for (const int signal : {SIGTERM, SIGKILL, SIGPIPE, SIGCHLD}) {
    const pid_t pid = fork();
    if (pid == 0) {
      raise(signal);
      _exit(1);
    }
    say("raise(%d) of a child: %x", signal, static_cast<unsigned>(status_of(pid)));
    end_vforked(signal);
  }
  const pid_t pid = fork();
  if (pid == 0) {
    raise(SIGSTOP);
    _exit(3);
  }
  int status = 0;
  waitpid(pid, &status, WUNTRACED);
  say("raise(SIGSTOP) of a child: %x", static_cast<unsigned>(status));
  TRY(kill(pid, SIGCONT));
  say("and on: %x", static_cast<unsigned>(status_of(pid)));
}

void leave_handlers() {
  handle(SIGUSR2, again);
  deliveries = 0;
  TRY(raise(SIGUSR2));
  say("raised in handlers: %d", deliveries.load());
  handle(SIGUSR2, leave);
  deliveries = 0;
  while (deliveries < 100) {
    if (sigsetjmp(way_out, 1) != 0) continue;
    ++deliveries % 2 == 0 ? raise(SIGUSR2) : kill(getpid(), SIGUSR2);
    say("not reached");
  }
  say("left by jumps");
}

}  // namespace

int main() {
  say("the first process");
  send_all_ways();
  send_while_blocked();
  send_to_threads();
  leave_handlers();
  end_by_signal();
  const pid_t pid = child([] {
    say("a child");
    send_all_ways();
    send_while_blocked();
    send_to_threads();
    leave_handlers();
    end_by_signal();
  });
  say("ended with %d", status_of(pid));
  return 0;
}
