// Signals: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), rt_tgsigqueueinfo(2), pidfd_send_signal(2), who may send them,
// what they say of their sender, and what reaches init.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>

#include <initializer_list>

#include "report.h"

namespace {

constexpr int kNoMembersPid = 3999999;

long kill_raw(pid_t pid, int signal) { return syscall(SYS_kill, pid, signal); }
long tkill_raw(pid_t tid, int signal) { return syscall(SYS_tkill, tid, signal); }
long tgkill_raw(pid_t pid, pid_t tid, int signal) { return syscall(SYS_tgkill, pid, tid, signal); }
long queue(pid_t pid, int signal, siginfo_t* info) { return syscall(SYS_rt_sigqueueinfo, pid, signal, info); }
long queue_to_thread(pid_t pid, pid_t tid, int signal, siginfo_t* info) {
  return syscall(SYS_rt_tgsigqueueinfo, pid, tid, signal, info);
}
int pidfd_open_raw(pid_t pid, unsigned flags) { return static_cast<int>(syscall(SYS_pidfd_open, pid, flags)); }
long pidfd_send(int pidfd, int signal, siginfo_t* info, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, info, flags);
}
pid_t thread_id() { return static_cast<pid_t>(syscall(SYS_gettid)); }

siginfo_t information(int signal, int code, int value) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = signal;
  info.si_code = code;
  info.si_pid = 4242;
  info.si_uid = 2424;
  info.si_value.sival_int = value;
  return info;
}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { (void)!pipe(ends); }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
  void go() const { (void)!write(ends[1], "g", 1); }
  void wait() const {
    char byte = 0;
    (void)!read(ends[0], &byte, 1);
  }
};

void end(pid_t pid) {
  kill_raw(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

// The ids of the sender are the kernel's word: its user id is the host's, and init's number is the one outside. What a sender
// says itself is shown as it is.
void show_info(const char* what, const siginfo_t& info) {
  const bool forged = info.si_pid == 4242;
  const bool known = forged || info.si_pid == getpid() || info.si_pid == getppid() || getpid() == 1 || getppid() == 1;
  say("  %s: signal %d code %d sender %s uid %u value %d", what, info.si_signo, info.si_code,
      forged ? "forged" : (known ? "known" : "another"), forged ? info.si_uid : 0,
      info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
}

siginfo_t seen;
volatile sig_atomic_t caught = 0;
void on_signal(int /*signal*/, siginfo_t* info, void* /*context*/) {
  seen = *info;
  caught = caught + 1;
}

void catch_signal(int number) {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(number, &action, nullptr);
}

void show_caught(const char* what) {
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("caught %d", caught);
  if (caught != 0) show_info(what, seen);
  caught = 0;
}

void errors() {
  siginfo_t info = information(SIGUSR1, SI_QUEUE, 1);
  signal(64, SIG_IGN);
  TRY(kill_raw(kNoMembersPid, 0));
  TRY(kill_raw(kNoMembersPid, 65));
  TRY(kill_raw(getpid(), 65));
  TRY(kill_raw(getpid(), -1));
  TRY(kill_raw(getpid(), 64));
  signal(SIGUSR1, SIG_IGN);
  TRY(tkill_raw(kNoMembersPid, 0));
  TRY(tkill_raw(kNoMembersPid, 65));
  TRY(tkill_raw(0, SIGUSR1));
  TRY(tkill_raw(-1, SIGUSR1));
  TRY(tkill_raw(thread_id(), 65));
  TRY(tkill_raw(thread_id(), 0));
  TRY(tgkill_raw(0, thread_id(), 0));
  TRY(tgkill_raw(getpid(), 0, 0));
  TRY(tgkill_raw(-1, thread_id(), 0));
  TRY(tgkill_raw(kNoMembersPid, thread_id(), 0));
  TRY(tgkill_raw(getpid(), kNoMembersPid, 0));
  TRY(tgkill_raw(getpid(), thread_id(), 65));
  TRY(tgkill_raw(getpid(), thread_id(), 0));
  TRY(queue(kNoMembersPid, SIGUSR1, &info));
  TRY(queue(kNoMembersPid, 65, &info));
  TRY(queue(-1, SIGUSR1, &info));
  TRY(queue(0, SIGUSR1, &info));
  TRY(queue(getpid(), 65, &info));
  TRY(queue(getpid(), SIGUSR1, nullptr));
  TRY(queue(getpid(), SIGUSR1, reinterpret_cast<siginfo_t*>(bad_pointer)));
  TRY(queue(getpid(), 0, &info));
  TRY(queue_to_thread(0, 1, SIGUSR1, &info));
  TRY(queue_to_thread(1, 0, SIGUSR1, &info));
  TRY(queue_to_thread(kNoMembersPid, thread_id(), SIGUSR1, &info));
  TRY(queue_to_thread(getpid(), kNoMembersPid, SIGUSR1, &info));
  TRY(queue_to_thread(getpid(), thread_id(), 0, &info));
  TRY(queue_to_thread(getpid(), thread_id(), SIGUSR1, reinterpret_cast<siginfo_t*>(bad_pointer)));
  // Nobody may pretend to be the kernel, or to have used kill, unless to itself.
  const pid_t other = child([] { pause(); });
  for (const int code : {SI_USER, SI_KERNEL, SI_TKILL, SI_TIMER, SI_QUEUE, SI_ASYNCIO}) {
    info = information(0, code, 1);
    say("code %d", code);
    TRY(queue(other, 0, &info));
    TRY(queue_to_thread(other, other, 0, &info));
    TRY(queue(getpid(), 0, &info));
    TRY(queue_to_thread(getpid(), thread_id(), 0, &info));
  }
  end(other);
  TRY(queue(other, SIGUSR1, &info));
  signal(SIGUSR1, SIG_DFL);
}

void to_self() {
  catch_signal(SIGUSR1);
  caught = 0;
  TRY(kill_raw(getpid(), SIGUSR1));
  show_caught("kill");
  TRY(tkill_raw(thread_id(), SIGUSR1));
  show_caught("tkill");
  TRY(tgkill_raw(getpid(), thread_id(), SIGUSR1));
  show_caught("tgkill");
  TRY(raise(SIGUSR1));
  show_caught("raise");
  siginfo_t info = information(SIGUSR1, SI_QUEUE, 7);
  TRY(queue(getpid(), SIGUSR1, &info));
  show_caught("queued");
  info = information(SIGUSR1, SI_USER, 8);
  TRY(queue(getpid(), SIGUSR1, &info));
  show_caught("queued as if by kill");
  info = information(SIGUSR1, SI_TKILL, 9);
  TRY(queue_to_thread(getpid(), thread_id(), SIGUSR1, &info));
  show_caught("queued as if by tgkill");
  info = information(SIGUSR2, SI_QUEUE, 10);
  TRY(queue(getpid(), SIGUSR1, &info));
  show_caught("queued with another number inside");
  const union sigval value = {11};
  TRY(sigqueue(getpid(), SIGUSR1, value));
  show_caught("sigqueue");
}

// A child waits for SIGUSR1, one way or another, and says what it was told.
enum class Way { handler, wait, descriptor };
void receive(const Pipe& ready, Way way) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  if (way == Way::handler) {
    catch_signal(SIGUSR1);
    caught = 0;
    sigset_t empty;
    sigprocmask(SIG_BLOCK, &set, nullptr);
    ready.go();
    sigemptyset(&empty);
    sigsuspend(&empty);
    show_info("handler", seen);
  } else if (way == Way::wait) {
    sigprocmask(SIG_BLOCK, &set, nullptr);
    ready.go();
    siginfo_t info;
    sigwaitinfo(&set, &info);
    show_info("sigwaitinfo", info);
  } else {
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const int fd = signalfd(-1, &set, SFD_CLOEXEC);
    ready.go();
    struct signalfd_siginfo info;
    (void)!read(fd, &info, sizeof info);
    say("  signalfd: signal %u code %d forged %d", info.ssi_signo, info.ssi_code, info.ssi_pid == 4242);
    close(fd);
  }
}

void to_child() {
  const Pipe ready;
  for (const Way way : {Way::handler, Way::wait, Way::descriptor}) {
    for (int call = 0; call < 4; ++call) {
      const pid_t pid = child([&] { receive(ready, way); });
      ready.wait();
      siginfo_t info = information(SIGUSR1, SI_QUEUE, 12);
      switch (call) {
        case 0:
          TRY(kill_raw(pid, SIGUSR1));
          break;
        case 1:
          TRY(tgkill_raw(pid, pid, SIGUSR1));
          break;
        case 2:
          TRY(queue(pid, SIGUSR1, &info));
          break;
        default:
          TRY(queue_to_thread(pid, pid, SIGUSR1, &info));
          break;
      }
      waitpid(pid, nullptr, 0);
    }
  }
}

void from_child() {
  catch_signal(SIGUSR1);
  caught = 0;
  const pid_t parent = getpid();
  const pid_t pid = child([&] { TRY(kill_raw(parent, SIGUSR1)); });
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("caught %d code %d from the child %d", caught, seen.si_code, seen.si_pid == pid);
  waitpid(pid, nullptr, 0);
}

void by_pidfd() {
  const Pipe ready;
  const pid_t pid = child([&] {
    receive(ready, Way::handler);
    receive(ready, Way::handler);
    receive(ready, Way::wait);
    ready.go();
    pause();
  });
  const int pidfd = pidfd_open_raw(pid, 0);
  ready.wait();
  siginfo_t info = information(SIGUSR1, SI_QUEUE, 13);
  TRY(pidfd_send(pidfd, 0, nullptr, 0));
  TRY(pidfd_send(pidfd, 65, nullptr, 0));
  TRY(pidfd_send(pidfd, SIGUSR1, nullptr, 0x100));
  TRY(pidfd_send(pidfd, SIGUSR1, nullptr, 3));
  TRY(pidfd_send(99, SIGUSR1, nullptr, 0));
  TRY(pidfd_send(0, SIGUSR1, nullptr, 0));
  TRY(pidfd_send(pidfd, SIGUSR2, &info, 0));
  TRY(pidfd_send(pidfd, SIGUSR1, reinterpret_cast<siginfo_t*>(bad_pointer), 0));
  info = information(SIGUSR1, SI_USER, 0);
  TRY(pidfd_send(pidfd, SIGUSR1, &info, 0));
  info = information(SIGUSR1, SI_TKILL, 0);
  TRY(pidfd_send(pidfd, SIGUSR1, &info, 0));
  TRY(pidfd_send(pidfd, SIGUSR1, nullptr, 0));
  ready.wait();
  info = information(SIGUSR1, SI_QUEUE, 14);
  TRY(pidfd_send(pidfd, SIGUSR1, &info, 0));
  ready.wait();
  TRY(pidfd_send(pidfd, SIGUSR1, nullptr, 1));
  ready.wait();
  TRY(pidfd_send(pidfd, SIGKILL, nullptr, 0));
  int status = 0;
  waitpid(pid, &status, 0);
  say("  %x", status);
  TRY(pidfd_send(pidfd, 0, nullptr, 0));
  close(pidfd);
  const int own = pidfd_open_raw(getpid(), 0);
  catch_signal(SIGUSR1);
  caught = 0;
  TRY(pidfd_send(own, SIGUSR1, nullptr, 0));
  show_caught("to itself");
  info = information(SIGUSR1, SI_USER, 0);
  TRY(pidfd_send(own, SIGUSR1, &info, 0));
  show_caught("to itself, as if by kill");
  close(own);
  // A whole group.
  const pid_t leader = child([&] {
    setpgid(0, 0);
    ready.go();
    pause();
  });
  ready.wait();
  const pid_t member = child([&] { pause(); });
  setpgid(member, leader);
  const int of_leader = pidfd_open_raw(leader, 0);
  TRY(pidfd_send(of_leader, SIGTERM, nullptr, 4));
  waitpid(leader, &status, 0);
  say("  %x", status);
  waitpid(member, &status, 0);
  say("  %x", status);
  close(of_leader);
}

void* wait_in_thread(void* argument) {
  const auto* ready = static_cast<const Pipe*>(argument);
  char byte = 0;
  (void)!read(ready->ends[0], &byte, 1);
  return nullptr;
}

pid_t other_thread = 0;
siginfo_t told;
void* wait_for_signal(void* argument) {
  const auto* ready = static_cast<const Pipe*>(argument);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  other_thread = thread_id();
  ready->go();
  sigwaitinfo(&set, &told);
  return nullptr;
}

void threads() {
  const Pipe ready;
  pthread_t thread;
  pthread_create(&thread, nullptr, wait_for_signal, const_cast<Pipe*>(&ready));
  ready.wait();
  TRY(tgkill_raw(getpid(), other_thread, 65));
  TRY(tgkill_raw(other_thread, other_thread, 0));
  TRY(kill_raw(other_thread, 0));
  siginfo_t info = information(0, SI_TKILL, 0);
  TRY(queue_to_thread(getpid(), other_thread, 0, &info));
  TRY(tgkill_raw(getpid(), other_thread, SIGUSR1));
  pthread_join(thread, nullptr);
  show_info("thread", told);
  // What the C library itself sends its threads, and what it looks at: the sender must be getpid().
  pthread_create(&thread, nullptr, wait_in_thread, const_cast<Pipe*>(&ready));
  TRY(pthread_cancel(thread));
  void* result = nullptr;
  TRY(pthread_join(thread, &result));
  say("cancelled: %d", result == PTHREAD_CANCELED);
  pthread_create(&thread, nullptr, wait_in_thread, const_cast<Pipe*>(&ready));
  TRY(setresuid(geteuid(), geteuid(), static_cast<uid_t>(-1)));
  ready.go();
  TRY(pthread_join(thread, nullptr));
}

// A handler that sends signals itself, on an alternate stack, while the call that sent the first is on its way back.
volatile sig_atomic_t depth = 0;
volatile sig_atomic_t deepest = 0;
void nested(int number, siginfo_t* /*info*/, void* /*context*/) {
  depth = depth + 1;
  if (depth > deepest) deepest = depth;
  if (depth < 8) {
    kill_raw(getpid(), number);
    kill_raw(1, 0);
    setpgid(getpid(), getpgid(1));
    tgkill_raw(getpid(), thread_id(), number);
  }
  depth = depth - 1;
}

void nested_handlers() {
  static char stack[64 << 10];
  const stack_t alternate = {.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
  sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = nested;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  TRY(kill_raw(getpid(), SIGUSR1));
  say("depth %d, now %d", deepest, depth);
  const stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  sigaltstack(&none, nullptr);
  signal(SIGUSR1, SIG_DFL);
}

void permissions() {
  const Pipe ready;
  const pid_t roots = child([&] {
    ready.go();
    pause();
  });
  ready.wait();
  const pid_t roots_session = child([&] {
    setsid();
    ready.go();
    pause();
  });
  ready.wait();
  const pid_t other_users = child([&] {
    syscall(SYS_setresuid, 2000, 2001, 2002);
    ready.go();
    pause();
  });
  ready.wait();
  const auto try_all = [&] {
    siginfo_t info = information(SIGCONT, SI_QUEUE, 0);
    TRY(kill_raw(roots, 0));
    TRY(kill_raw(roots, SIGCONT));
    TRY(kill_raw(roots_session, SIGCONT));
    TRY(kill_raw(other_users, 0));
    TRY(kill_raw(1, 0));
    TRY(kill_raw(1, SIGCONT));
    TRY(tgkill_raw(roots, roots, SIGTERM));
    TRY(tgkill_raw(roots, roots, SIGCONT));
    TRY(queue(roots, SIGCONT, &info));
    TRY(queue(roots, 65, &info));
    TRY(kill_raw(-getpgrp(), 0));
    const int pidfd = pidfd_open_raw(roots, 0);
    say("pidfd %d", pidfd >= 0);
    TRY(pidfd_send(pidfd, SIGTERM, nullptr, 0));
    TRY(pidfd_send(pidfd, SIGCONT, nullptr, 0));
    close(pidfd);
  };
  in_child(try_all, 1000, 1000);
  in_child(try_all, 2000, 1000);
  in_child(try_all, 2001, 1000);
  in_child(try_all, 2002, 1000);
  in_child([&] {
    syscall(SYS_setresuid, 2000, 3000, 3000);
    TRY(kill_raw(other_users, 0));
    syscall(SYS_setresuid, 3000, 3000, 2002);
    TRY(kill_raw(other_users, 0));
  });
  in_child([&] {
    syscall(SYS_setresuid, 1000, 1000, 1000);
    TRY(kill_raw(-1, SIGTERM));
  });
  end(roots);
  end(roots_session);
  end(other_users);
}

void init_immunity() {
  for (const int number : {SIGTERM, SIGKILL, SIGSTOP, SIGSEGV, SIGTSTP, SIGRTMIN, SIGCHLD}) {
    say("signal %d", number < SIGRTMIN ? number : number - SIGRTMIN + 100);
    TRY(kill_raw(1, number));
    if (getpid() == 1) TRY(tgkill_raw(1, thread_id(), number));
    siginfo_t info = information(number, SI_QUEUE, 0);
    TRY(queue(1, number, &info));
    if (getpid() == 1) TRY(raise(number));
  }
}

// SIGCHLD's own fields.
void child_signal() {
  catch_signal(SIGCHLD);
  caught = 0;
  const pid_t exiting = child([] { _exit(5); });
  show_caught("SIGCHLD");
  say("  status %d, the child's %d", seen.si_status, seen.si_pid == exiting);
  waitpid(exiting, nullptr, 0);
  const pid_t stopped = child([] { pause(); });
  kill_raw(stopped, SIGSTOP);
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("stopped: code %d status %d", seen.si_code, seen.si_status);
  caught = 0;
  kill_raw(stopped, SIGCONT);
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("continued: code %d status %d", seen.si_code, seen.si_status);
  caught = 0;
  kill_raw(stopped, SIGKILL);
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("killed: code %d status %d", seen.si_code, seen.si_status);
  waitpid(stopped, nullptr, 0);
  signal(SIGCHLD, SIG_DFL);
}

void file_signals() {
  catch_signal(SIGIO);
  catch_signal(SIGRTMIN + 1);
  caught = 0;
  const Pipe data;
  TRY(fcntl(data.ends[0], F_SETOWN, getpid()));
  say("owner is the caller: %d", fcntl(data.ends[0], F_GETOWN) == getpid());
  TRY(fcntl(data.ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
  data.go();
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("SIGIO %d code %d", caught, seen.si_code);
  caught = 0;
  TRY(fcntl(data.ends[0], F_SETSIG, SIGRTMIN + 1));
  say("F_GETSIG %d", fcntl(data.ends[0], F_GETSIG) - SIGRTMIN);
  data.go();
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("%d code %d band %lx fd %d", caught, seen.si_code, seen.si_band, seen.si_fd == data.ends[0]);
  caught = 0;
  TRY(fcntl(data.ends[0], F_SETOWN, kNoMembersPid));
  TRY(fcntl(data.ends[0], F_SETOWN, -kNoMembersPid));
  TRY(fcntl(data.ends[0], F_SETOWN, -getpgrp()));
  say("owner is the caller's group: %d", fcntl(data.ends[0], F_GETOWN) == -getpgrp());
  struct f_owner_ex owner = {F_OWNER_TID, thread_id()};
  TRY(fcntl(data.ends[0], F_SETOWN_EX, &owner));
  owner = {F_OWNER_PID, 0};
  TRY(fcntl(data.ends[0], F_GETOWN_EX, &owner));
  say("  type %d, the caller %d", owner.type, owner.pid == thread_id());
  data.go();
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("%d", caught);
  caught = 0;
  TRY(fcntl(data.ends[0], F_SETOWN, 0));
  TRY(fcntl(data.ends[0], F_GETOWN));
  signal(SIGIO, SIG_DFL);
}

void timers() {
  catch_signal(SIGRTMIN + 2);
  caught = 0;
  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGRTMIN + 2;
  event.sigev_value.sival_int = 21;
  event._sigev_un._tid = thread_id();
  timer_t timer;
  TRY(timer_create(CLOCK_MONOTONIC, &event, &timer));
  const struct itimerspec soon = {{0, 0}, {0, 1000000}};
  TRY(timer_settime(timer, 0, &soon, nullptr));
  for (int i = 0; i < 2000 && caught == 0; ++i) usleep(1000);
  say("%d code %d value %d", caught, seen.si_code, seen.si_value.sival_int);
  timer_delete(timer);
  event._sigev_un._tid = kNoMembersPid;
  TRY(timer_create(CLOCK_MONOTONIC, &event, &timer));
  event._sigev_un._tid = getppid();
  TRY(timer_create(CLOCK_MONOTONIC, &event, &timer));
}

void all() {
  errors();
  to_self();
  to_child();
  from_child();
  by_pidfd();
  threads();
  nested_handlers();
  child_signal();
  file_signals();
  if (getpid() != 1) timers();
  init_immunity();
}

}  // namespace

int main() {
  enter_work_directory("signals");
  all();
  permissions();
  in_child(all);
  in_child(all, 1000, 1000);
  return 0;
}
