// Calls under a storm of signals: ten timers, four threads, and everything that a thread can be in the middle of. With
// SA_RESTART nothing fails with EINTR, nothing is done twice, and no queued signal is lost (signal(7)).
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <initializer_list>

#include "queued_signals.h"
#include "report.h"

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 60;
constexpr int kExecs = 10;
constexpr int kQueued = 300;

volatile sig_atomic_t caught = 0;
void count(int /*signal*/) { caught = caught + 1; }

void handle(int number, int flags) {
  struct sigaction action = {};
  action.sa_handler = count;
  action.sa_flags = flags;
  sigaction(number, &action, nullptr);
}

// Timers that send `number` to the process, each every `microseconds`.
template <int kCount>
class Timers {
 public:
  Timers(int number, long microseconds) {
    for (timer_t& timer : timers_) {
      struct sigevent event = {};
      event.sigev_notify = SIGEV_SIGNAL;
      event.sigev_signo = number;
      timer_create(CLOCK_MONOTONIC, &event, &timer);
      const struct itimerspec interval = {{0, microseconds * 1000}, {0, microseconds * 1000}};
      timer_settime(timer, 0, &interval, nullptr);
    }
  }
  ~Timers() {
    for (const timer_t timer : timers_) timer_delete(timer);
  }

 private:
  timer_t timers_[kCount];
};

struct Pair {
  int ends[2] = {-1, -1};
  Pair() { (void)!pipe(ends); }
};

void end(pid_t pid) {
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// The other end of a FIFO: a process that no timer disturbs.
class FifoPartner {
 public:
  explicit FifoPartner(int number) {
    snprintf(name_, sizeof name_, "fifo%d", number);
    mkfifo(name_, 0644);
    pid_ = child([this] { serve(); });
  }
  ~FifoPartner() { end(pid_); }

  // Opens the FIFO for reading, which waits for the partner; true if one byte came.
  bool meet() const {
    char byte = 0;
    (void)!write(asked_.ends[1], "", 1);
    const int fd = open(name_, O_RDONLY);
    const bool met = fd >= 0 && read(fd, &byte, 1) == 1;
    close(fd);
    return read(done_.ends[0], &byte, 1) == 1 && met;
  }

 private:
  void serve() const {
    char byte = 0;
    while (read(asked_.ends[0], &byte, 1) == 1) {
      usleep(4000);
      const int fd = open(name_, O_WRONLY);
      (void)!write(fd, "x", 1);
      close(fd);
      (void)!write(done_.ends[1], "", 1);
    }
  }

  char name_[16];
  Pair asked_;
  Pair done_;
  pid_t pid_ = 0;
};

// A server with a short queue, which is as undisturbed.
class SocketPartner {
 public:
  SocketPartner() {
    strcpy(address_.sun_path, "partner");
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)bind(listener_, reinterpret_cast<const struct sockaddr*>(&address_), sizeof address_);
    listen(listener_, 0);
    pid_ = child([this] { serve(); });
  }
  ~SocketPartner() {
    end(pid_);
    close(listener_);
  }

  // Connects, which waits while the listener's queue is full; true if one byte came.
  bool call() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte = 0;
    const bool connected = connect(fd, reinterpret_cast<const struct sockaddr*>(&address_), sizeof address_) == 0;
    const bool served = connected && read(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 0;
    close(fd);
    return served;
  }

 private:
  void serve() const {
    while (true) {
      const int fd = accept(listener_, nullptr, nullptr);
      usleep(1000);
      (void)!write(fd, "x", 1);
      close(fd);
    }
  }

  struct sockaddr_un address_ = {AF_UNIX, {}};
  int listener_ = -1;
  pid_t pid_ = 0;
};

struct Worker {
  int number;
  const FifoPartner* fifo;
  const SocketPartner* server;
  int path_errors;
  int met;
  int served;
};

void* work(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  char directory[16];
  char renamed[16];
  snprintf(directory, sizeof directory, "d%d", worker->number);
  snprintf(renamed, sizeof renamed, "r%d", worker->number);
  for (int i = 0; i < kRounds; ++i) {
    struct stat status;
    const bool done = mkdir(directory, 0755) == 0 && stat(directory, &status) == 0 && rename(directory, renamed) == 0 &&
                      access(renamed, R_OK) == 0 && rmdir(renamed) == 0;
    if (!done) ++worker->path_errors;
    if (worker->fifo->meet()) ++worker->met;
    if (worker->server->call()) ++worker->served;
  }
  return nullptr;
}

// The partners are made before the timers, or fork would never come to its end.
void threads_under_timers() {
  const FifoPartner fifos[kThreads] = {FifoPartner(0), FifoPartner(1), FifoPartner(2), FifoPartner(3)};
  const SocketPartner server;
  handle(SIGALRM, SA_RESTART);
  handle(SIGRTMIN, SA_RESTART);
  caught = 0;
  Worker workers[kThreads] = {};
  {
    const Timers<9> timers(SIGRTMIN, 7100);
    const struct itimerval often = {{0, 1500}, {0, 1500}};
    setitimer(ITIMER_REAL, &often, nullptr);
    pthread_t threads[kThreads];
    for (int i = 0; i < kThreads; ++i) {
      workers[i].number = i;
      workers[i].fifo = &fifos[i];
      workers[i].server = &server;
      pthread_create(&threads[i], nullptr, work, &workers[i]);
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
    const struct itimerval never = {};
    setitimer(ITIMER_REAL, &never, nullptr);
  }
  for (const Worker& worker : workers) {
    say("thread %d: %d path errors, met %d times, served %d times", worker.number, worker.path_errors, worker.met,
        worker.served);
  }
  say("signals came: %d", caught > 0);
}

// The timers' signal is one that is harmless to the program that is executed, which has no handler any more.
void exec_under_timers() {
  int ended = 0;
  for (int i = 0; i < kExecs; ++i) {
    const pid_t pid = child([] {
      handle(SIGURG, SA_RESTART);
      const Timers<3> timers(SIGURG, 500);
      while (caught < 20) (void)access("/program", X_OK);
      char path[] = "/program";
      char word[] = "quit";
      char* arguments[] = {path, word, nullptr};
      execv(path, arguments);
    });
    int status = 0;
    if (waitpid(pid, &status, 0) == pid && status == 0x500) ++ended;
  }
  say("programs executed: %d", ended);
}

void send_queued_signals() {
  queued_signals::expect();
  const FifoPartner fifo(kThreads);
  const pid_t parent = getpid();
  const pid_t sender = child([parent] { queued_signals::send(parent, kQueued); });
  int failures = 0;
  for (int i = 0; i < kQueued / 10; ++i) {
    if (!fifo.meet()) ++failures;
  }
  while (waitpid(sender, nullptr, 0) < 0 && errno == EINTR) {
  }
  queued_signals::await(kQueued, 5000);
  say("queued: last %d, out of order %d, failures %d", queued_signals::last_value, queued_signals::disorder, failures);
}

// Two threads wait, and one signal comes for their process.
struct Waiter {
  const char* fifo;
  int error;
};

void* wait_for_fifo(void* argument) {
  auto* waiter = static_cast<Waiter*>(argument);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  const int fd = open(waiter->fifo, O_RDONLY);
  waiter->error = fd >= 0 ? 0 : errno;
  close(fd);
  return nullptr;
}

void one_signal_for_two(int flags) {
  mkfifo("one", 0644);
  mkfifo("two", 0644);
  handle(SIGUSR1, flags);
  caught = 0;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Waiter waiters[2] = {{"one", 0}, {"two", 0}};
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], nullptr, wait_for_fifo, &waiters[i]);
  usleep(400000);
  kill(getpid(), SIGUSR1);
  usleep(300000);
  // One that is not there any more is not waited for.
  const pid_t releaser = child([] {
    while (true) {
      for (const char* fifo : {"one", "two"}) close(open(fifo, O_WRONLY | O_NONBLOCK));
      usleep(1000);
    }
  });
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  end(releaser);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  int interrupted = 0;
  for (const Waiter& waiter : waiters) interrupted += waiter.error == EINTR ? 1 : 0;
  say("%s SA_RESTART: caught %d, interrupted %d", flags != 0 ? "with" : "without", caught, interrupted);
}

// A process stops with all its threads, whatever they wait for, and goes on as if nothing had been.
void* sleep_on(void* /*argument*/) {
  while (true) usleep(1000);
}

void stopped_while_waiting(bool threads) {
  unlink("stopped");
  mkfifo("stopped", 0644);
  const pid_t pid = child([threads] {
    pthread_t thread;
    if (threads) pthread_create(&thread, nullptr, sleep_on, nullptr);
    close(open("stopped", O_RDONLY));
    _exit(7);
  });
  usleep(100000);
  int status = 0;
  TRY(kill(pid, SIGSTOP));
  say("stopped: %d", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
  TRY(kill(pid, SIGCONT));
  say("continued: %d", waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
  close(open("stopped", O_WRONLY));
  waitpid(pid, &status, 0);
  say("ended with %x", status);
}

}  // namespace

int main(int count_of_arguments, char** /*arguments*/) {
  if (count_of_arguments > 1) return 5;
  enter_work_directory("storm");
  threads_under_timers();
  exec_under_timers();
  send_queued_signals();
  one_signal_for_two(0);
  one_signal_for_two(SA_RESTART);
  stopped_while_waiting(false);
  stopped_while_waiting(true);
  return 0;
}
