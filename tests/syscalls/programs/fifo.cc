// Opening FIFOs: the two ends wait for each other, and signals end the wait.
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "report.h"

namespace {

volatile sig_atomic_t caught = 0;

void on_signal(int /*signal*/) { caught = caught + 1; }

void handle(int signal, int flags) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

void alarm_after(int milliseconds) {
  struct itimerval timer = {};
  timer.it_value.tv_usec = milliseconds * 1000L;
  setitimer(ITIMER_REAL, &timer, nullptr);
}

void pause_for(int milliseconds) {
  const struct timespec time = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
  nanosleep(&time, nullptr);
}

void without_waiting() {
  TRY_OPEN(open("fifo", O_RDONLY | O_NONBLOCK));
  TRY_OPEN(open("fifo", O_WRONLY | O_NONBLOCK));
  TRY_OPEN(open("fifo", O_RDWR));
  TRY_OPEN(open("fifo", O_PATH));
  TRY_OPEN(open("fifo", O_RDONLY | O_NONBLOCK | O_TRUNC));
  const int reader = open("fifo", O_RDONLY | O_NONBLOCK);
  const int writer = static_cast<int>(TRY(open("fifo", O_WRONLY | O_NONBLOCK)));
  TRY(write(writer, "data", 4));
  char buffer[8];
  TRY(read(reader, buffer, sizeof buffer));
  TRY(read(reader, buffer, sizeof buffer));
  close(writer);
  TRY(read(reader, buffer, sizeof buffer));
  close(reader);
}

// Two processes that open two FIFOs crosswise: neither may wait for data, only for the other's open.
void meeting() {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    pause_for(100);
    const int to_parent = open("fifo", O_WRONLY);
    const int from_parent = open("fifo2", O_RDONLY);
    char buffer[8] = {};
    const ssize_t size = read(from_parent, buffer, sizeof buffer);
    _exit(to_parent >= 0 && size == 4 ? 0 : 1);
  }
  const int from_child = static_cast<int>(TRY(open("fifo", O_RDONLY)));
  const int to_child = static_cast<int>(TRY(open("fifo2", O_WRONLY)));
  TRY(write(to_child, "data", 4));
  int status = 0;
  TRY(waitpid(child, &status, 0) == child);
  say("status %x", status);
  close(from_child);
  close(to_child);
}

void interrupted() {
  handle(SIGALRM, 0);
  alarm_after(150);
  TRY(open("fifo", O_RDONLY));
  say("caught %d", caught);
  alarm_after(150);
  TRY(open("fifo", O_WRONLY));
  say("caught %d", caught);
  // With SA_RESTART the call goes on; the writer comes later.
  handle(SIGALRM, SA_RESTART);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    pause_for(600);
    const int fd = open("fifo", O_WRONLY);
    pause_for(100);
    _exit(fd >= 0 ? 0 : 1);
  }
  alarm_after(150);
  TRY_OPEN(open("fifo", O_RDONLY));
  say("caught %d", caught);
  waitpid(child, nullptr, 0);
  // An ignored and a blocked signal do not end the wait.
  signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  handle(SIGALRM, 0);
  fflush(stdout);
  const pid_t sender = fork();
  if (sender == 0) {
    pause_for(100);
    kill(getppid(), SIGUSR1);
    kill(getppid(), SIGUSR2);
    pause_for(200);
    const int fd = open("fifo", O_WRONLY);
    pause_for(100);
    _exit(fd >= 0 ? 0 : 1);
  }
  TRY_OPEN(open("fifo", O_RDONLY));
  waitpid(sender, nullptr, 0);
}

void killed_while_waiting() {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    (void)open("fifo", O_RDONLY);
    _exit(1);
  }
  pause_for(150);
  TRY(kill(child, SIGKILL));
  int status = 0;
  TRY(waitpid(child, &status, 0) == child);
  say("status %x", status);
  // The reader is gone: nobody is there for a writer.
  pause_for(100);
  TRY(open("fifo", O_WRONLY | O_NONBLOCK));
}

void stopped_while_waiting() {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const int fd = open("fifo", O_RDONLY);
    _exit(fd >= 0 ? 5 : 1);
  }
  pause_for(150);
  TRY(kill(child, SIGSTOP));
  int status = 0;
  TRY(waitpid(child, &status, WUNTRACED) == child);
  say("stopped %d", WIFSTOPPED(status));
  TRY(kill(child, SIGCONT));
  const int fd = static_cast<int>(TRY(open("fifo", O_WRONLY)));
  TRY(waitpid(child, &status, 0) == child);
  say("status %x", status);
  close(fd);
}

void permissions() {
  mkfifo("closed", 0600);
  in_child(
      [] {
        TRY_OPEN(open("closed", O_RDONLY | O_NONBLOCK));
        TRY_OPEN(open("closed", O_RDONLY));
        TRY_OPEN(open("fifo", O_RDONLY | O_NONBLOCK));
        TRY_OPEN(open("fifo", O_WRONLY));
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("fifo");
  mkfifo("fifo", 0644);
  mkfifo("fifo2", 0644);
  without_waiting();
  meeting();
  interrupted();
  killed_while_waiting();
  stopped_while_waiting();
  permissions();
  return 0;
}
