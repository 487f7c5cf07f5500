// Calls that a signal interrupts: repeated after a handler with SA_RESTART, EINTR after one without (signal(7)), never done
// twice, and no signal lost.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <initializer_list>

#include "queued_signals.h"
#include "report.h"

namespace {

volatile sig_atomic_t caught = 0;
void count(int /*signal*/) { caught = caught + 1; }

void handle(int number, int flags) {
  struct sigaction action = {};
  action.sa_handler = count;
  action.sa_flags = flags;
  sigaction(number, &action, nullptr);
}

// Runs a call that blocks while a child first sends a signal and then, a while later, makes the call succeed.
template <typename Call, typename Release>
void interrupted(const char* what, const Call& call, const Release& release) {
  for (const int flags : {0, SA_RESTART}) {
    handle(SIGUSR1, flags);
    caught = 0;
    fflush(stdout);
    const pid_t parent = getpid();
    const pid_t helper = fork();
    if (helper == 0) {
      usleep(60000);
      kill(parent, SIGUSR1);
      usleep(60000);
      release();
      _exit(0);
    }
    const long result = call();
    const int error = errno;
    say("%s%s: %s, caught %d", what, flags != 0 ? " with SA_RESTART" : "", result >= 0 ? "done" : strerrorname_np(error),
        caught);
    int status = 0;
    while (waitpid(helper, &status, 0) < 0) {
    }
  }
}

struct sockaddr_un address_of(const char* path) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, path);
  return address;
}

void fifos() {
  mkfifo("fifo", 0644);
  int fd = -1;
  interrupted(
      "open of a FIFO", [&] { return fd = open("fifo", O_RDONLY); }, [] { close(open("fifo", O_WRONLY | O_NONBLOCK)); });
  close(fd);
}

void sockets() {
  const struct sockaddr_un address = address_of("listener");
  const auto* general = reinterpret_cast<const struct sockaddr*>(&address);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  (void)bind(listener, general, sizeof address);
  listen(listener, 0);
  const int second = socket(AF_UNIX, SOCK_STREAM, 0);
  interrupted(
      "connect",
      [&] {
        const int filler = socket(AF_UNIX, SOCK_STREAM, 0);
        (void)connect(filler, general, sizeof address);
        const long result = connect(second, general, sizeof address);
        const int error = errno;
        close(filler);
        errno = error;
        return result;
      },
      [&] { close(accept(listener, nullptr, nullptr)); });
  close(second);
  close(listener);
  // A datagram socket whose queue is full.
  const struct sockaddr_un inbox_address = address_of("inbox");
  const auto* inbox_general = reinterpret_cast<const struct sockaddr*>(&inbox_address);
  const int inbox = socket(AF_UNIX, SOCK_DGRAM, 0);
  (void)bind(inbox, inbox_general, sizeof inbox_address);
  const int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
  const auto fill = [&] {
    while (sendto(sender, "x", 1, MSG_DONTWAIT, inbox_general, sizeof inbox_address) == 1) continue;
  };
  fill();
  say("then %s", strerrorname_np(errno));
  char byte = 0;
  interrupted(
      "sendto",
      [&] {
        fill();
        return sendto(sender, "x", 1, 0, inbox_general, sizeof inbox_address);
      },
      [&] { (void)!recv(inbox, &byte, 1, 0); });
  struct iovec vector = {&byte, 1};
  struct msghdr message = {};
  message.msg_name = const_cast<struct sockaddr_un*>(&inbox_address);
  message.msg_namelen = sizeof inbox_address;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  interrupted(
      "sendmsg",
      [&] {
        fill();
        return sendmsg(sender, &message, 0);
      },
      [&] { (void)!recv(inbox, &byte, 1, 0); });
  int accepted = -1;
  const int acceptor = socket(AF_UNIX, SOCK_STREAM, 0);
  const struct sockaddr_un third = address_of("acceptor");
  (void)bind(acceptor, reinterpret_cast<const struct sockaddr*>(&third), sizeof third);
  listen(acceptor, 5);
  struct sockaddr_un peer;
  socklen_t size = sizeof peer;
  interrupted(
      "accept",
      [&] {
        struct pollfd waiting = {acceptor, POLLIN, 0};
        while (poll(&waiting, 1, 0) > 0) close(accept(acceptor, nullptr, nullptr));
        return accepted = accept(acceptor, reinterpret_cast<struct sockaddr*>(&peer), &size);
      },
      [&] {
        const int client = socket(AF_UNIX, SOCK_STREAM, 0);
        (void)connect(client, reinterpret_cast<const struct sockaddr*>(&third), sizeof third);
        close(client);
      });
  for (const int fd : {inbox, sender, acceptor, accepted}) close(fd);
}

void locks() {
  put_file("locked", "x");
  const int fd = open("locked", O_RDWR);
  for (const bool whole : {true, false}) {
    int ready[2];
    if (pipe(ready) != 0) return;
    interrupted(
        whole ? "flock" : "F_SETLKW",
        [&]() -> long {
          char byte = 0;
          const pid_t holder = fork();
          if (holder == 0) {
            const int own = open("locked", O_RDWR);
            struct flock lock = {};
            lock.l_type = F_WRLCK;
            if (whole ? flock(own, LOCK_EX) != 0 : fcntl(own, F_SETLK, &lock) != 0) _exit(1);
            (void)!write(ready[1], "", 1);
            usleep(180000);
            _exit(0);
          }
          (void)!read(ready[0], &byte, 1);
          struct flock lock = {};
          lock.l_type = F_WRLCK;
          const long result = whole ? flock(fd, LOCK_EX) : fcntl(fd, F_SETLKW, &lock);
          const int error = errno;
          if (whole) {
            flock(fd, LOCK_UN);
          } else {
            lock.l_type = F_UNLCK;
            fcntl(fd, F_SETLK, &lock);
          }
          while (waitpid(holder, nullptr, 0) < 0 && errno == EINTR) {
          }
          errno = error;
          return result;
        },
        [] {});
    close(ready[0]);
    close(ready[1]);
  }
  close(fd);
}

void waits() {
  interrupted(
      "wait4",
      [] {
        const pid_t slow = fork();
        if (slow == 0) {
          usleep(180000);
          _exit(0);
        }
        const long result = waitpid(slow, nullptr, 0);
        const int error = errno;
        while (result < 0 && waitpid(slow, nullptr, 0) < 0) {
        }
        errno = error;
        return result;
      },
      [] {});
  interrupted(
      "nanosleep",
      [] {
        struct timespec left = {};
        const struct timespec time = {0, 200000000};
        const long result = nanosleep(&time, &left);
        return result;
      },
      [] {});
}

// Timers at all threads while every one of them names things: what SA_RESTART promises, and nothing done twice.
struct Worker {
  int number;
  int errors[5];
};

void* work(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  char directory[32];
  char renamed[32];
  snprintf(directory, sizeof directory, "d%d", worker->number);
  snprintf(renamed, sizeof renamed, "r%d", worker->number);
  for (int i = 0; i < 150; ++i) {
    struct stat status;
    if (mkdir(directory, 0755) != 0) ++worker->errors[0];
    if (stat(directory, &status) != 0) ++worker->errors[1];
    if (rename(directory, renamed) != 0) ++worker->errors[2];
    const int fd = open(renamed, O_RDONLY | O_DIRECTORY);
    if (fd < 0) ++worker->errors[3];
    close(fd);
    if (rmdir(renamed) != 0) ++worker->errors[4];
  }
  return nullptr;
}

void storm() {
  handle(SIGALRM, SA_RESTART);
  handle(SIGRTMIN, SA_RESTART);
  caught = 0;
  const struct itimerval often = {{0, 1500}, {0, 1500}};
  setitimer(ITIMER_REAL, &often, nullptr);
  timer_t timers[9];
  for (timer_t& timer : timers) {
    struct sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    const struct itimerspec interval = {{0, 7100000}, {0, 7100000}};
    timer_settime(timer, 0, &interval, nullptr);
  }
  Worker workers[4] = {};
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    workers[i].number = i;
    pthread_create(&threads[i], nullptr, work, &workers[i]);
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  for (const timer_t timer : timers) timer_delete(timer);
  // More rarely, or fork would never come to its end.
  const struct itimerval seldom = {{0, 15000}, {0, 15000}};
  setitimer(ITIMER_REAL, &seldom, nullptr);
  int status = 0;
  int ended = 0;
  for (int i = 0; i < 30; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      char path[] = "/program";
      char word[] = "quit";
      char* arguments[] = {path, word, nullptr};
      execv(path, arguments);
      _exit(1);
    }
    if (waitpid(pid, &status, 0) == pid && status == 0x500) ++ended;
  }
  const struct itimerval never = {};
  setitimer(ITIMER_REAL, &never, nullptr);
  for (const Worker& worker : workers) {
    say("worker %d: errors %d %d %d %d %d", worker.number, worker.errors[0], worker.errors[1], worker.errors[2],
        worker.errors[3], worker.errors[4]);
  }
  say("signals came: %d, programs ended: %d", caught > 0, ended);
}

// Queued signals arrive once each, in order, whatever the receiver is doing.
void queued() {
  queued_signals::expect();
  const pid_t parent = getpid();
  fflush(stdout);
  const pid_t sender = fork();
  if (sender == 0) {
    queued_signals::send(parent, 200);
    _exit(0);
  }
  int failures = 0;
  while (waitpid(sender, nullptr, WNOHANG) == 0) {
    if (access("/program", X_OK) != 0) ++failures;
  }
  queued_signals::await(200, 1000);
  say("queued: last %d, out of order %d, failures %d", queued_signals::last_value, queued_signals::disorder, failures);
}

}  // namespace

int main(int count_of_arguments, char** /*arguments*/) {
  if (count_of_arguments > 1) return 5;
  enter_work_directory("restart");
  fifos();
  sockets();
  locks();
  waits();
  storm();
  queued();
  return 0;
}
