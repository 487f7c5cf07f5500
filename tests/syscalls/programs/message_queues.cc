// mq_open(3) and its family.
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "report.h"

namespace {

char name[32];

long raw_open(const char* path, int flags, mode_t mode = 0600, const struct mq_attr* attributes = nullptr) {
  return syscall(SYS_mq_open, path, flags, mode, attributes);
}

mqd_t make(long messages, long bytes, int flags = O_RDWR) {
  struct mq_attr attributes = {};
  attributes.mq_maxmsg = messages;
  attributes.mq_msgsize = bytes;
  return mq_open(name, flags | O_CREAT, 0600, &attributes);
}

void show(mqd_t queue) {
  struct mq_attr attributes = {};
  if (report("mq_getattr", mq_getattr(queue, &attributes)) != 0) return;
  say("  flags %lx messages %ld of %ld, %ld bytes", static_cast<unsigned long>(attributes.mq_flags), attributes.mq_curmsgs,
      attributes.mq_maxmsg, attributes.mq_msgsize);
}

void receive(mqd_t queue) {
  char text[8192];
  unsigned priority = 0;
  const ssize_t size = TRY(mq_receive(queue, text, sizeof text, &priority));
  if (size >= 0) say("  \"%.*s\" of priority %u", static_cast<int>(size), text, priority);
}

void names() {
  TRY(mq_open("/missing-queue", O_RDWR));
  TRY(raw_open("", O_RDWR | O_CREAT));
  TRY(raw_open(".", O_RDWR | O_CREAT));
  TRY(raw_open("..", O_RDWR | O_CREAT));
  TRY(raw_open("a/b", O_RDWR | O_CREAT));
  TRY(raw_open("/absolute", O_RDWR | O_CREAT));
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  long_name[256] = '\0';
  TRY(raw_open(long_name, O_RDWR | O_CREAT));
  TRY(raw_open(bad_pointer, O_RDWR));
  TRY(raw_open("queue", O_RDWR | O_CREAT, 0600, reinterpret_cast<struct mq_attr*>(bad_pointer)));
  TRY(mq_unlink("/missing-queue"));
  TRY(syscall(SYS_mq_unlink, ""));
  TRY(syscall(SYS_mq_unlink, ".."));
}

void opening() {
  const mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0640, nullptr);
  say("made: %d, closed on exec: %d", queue >= 0, fcntl(queue, F_GETFD));
  show(queue);
  TRY(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0640, nullptr));
  const mqd_t reader = mq_open(name, O_RDONLY | O_NONBLOCK);
  show(reader);
  TRY(mq_send(reader, "x", 1, 0));
  TRY(raw_open(name + 1, O_WRONLY | O_RDWR));
  struct stat status = {};
  TRY(fstat(queue, &status));
  say("  mode %o uid %u gid %u size %ld", status.st_mode, status.st_uid, status.st_gid, status.st_size);
  in_child([] { TRY(mq_open(name, O_RDONLY)); }, 1000, 1000);
  TRY(mq_unlink(name));
  TRY(mq_open(name, O_RDWR));
  TRY(mq_send(queue, "without a name", 14, 3));
  receive(reader);
  receive(reader);
  TRY(mq_close(queue));
  TRY(mq_close(queue));
  TRY(mq_close(reader));
}

void sizes() {
  TRY(make(0, 10));
  TRY(make(10, 0));
  TRY(make(-1, 10));
  TRY(make(100000, 10));
  TRY(make(10, 100 << 20U));
  TRY(mq_unlink(name));
  struct rlimit limit = {1000, 1000};
  in_child([&] {
    TRY(setrlimit(RLIMIT_MSGQUEUE, &limit));
    TRY(make(10, 1000));
  });
}

void order() {
  const mqd_t queue = make(4, 16, O_RDWR | O_NONBLOCK);
  TRY(mq_send(queue, "low", 3, 1));
  TRY(mq_send(queue, "high", 4, 9));
  TRY(mq_send(queue, "high too", 8, 9));
  TRY(mq_send(queue, "", 0, 0));
  TRY(mq_send(queue, "full", 4, 0));
  TRY(mq_send(queue, "01234567890123456789", 17, 0));
  TRY(mq_send(queue, "x", 1, 40000));
  show(queue);
  struct pollfd poll_queue = {queue, POLLIN | POLLOUT, 0};
  TRY(poll(&poll_queue, 1, 0));
  say("  ready for %x", static_cast<unsigned>(poll_queue.revents));
  char text[4];
  TRY(mq_receive(queue, text, sizeof text, nullptr));
  for (int i = 0; i < 5; ++i) receive(queue);
  poll_queue.revents = 0;
  TRY(poll(&poll_queue, 1, 0));
  say("  ready for %x", static_cast<unsigned>(poll_queue.revents));
  struct mq_attr attributes = {};
  struct mq_attr before = {};
  TRY(mq_setattr(queue, &attributes, &before));
  say("  before %lx", static_cast<unsigned long>(before.mq_flags));
  struct timespec soon = {};
  clock_gettime(CLOCK_REALTIME, &soon);
  TRY(mq_timedreceive(queue, text, 16, nullptr, &soon));
  mq_unlink(name);
  mq_close(queue);
}

void waiting() {
  const mqd_t queue = make(1, 16);
  const pid_t sender = child([=] {
    usleep(30'000);
    mq_send(queue, "later", 5, 2);
  });
  receive(queue);
  waitpid(sender, nullptr, 0);
  const mqd_t other = mq_open(name, O_WRONLY);
  in_child([=] { TRY(mq_send(other, "from a child", 12, 0)); });
  receive(queue);
  mq_unlink(name);
}

volatile sig_atomic_t told = 0;
void on_message(int /*signal*/, siginfo_t* information, void* /*context*/) {
  told = information->si_code == SI_MESGQ ? information->si_value.sival_int : -1;
}

void notification() {
  const mqd_t queue = make(2, 16, O_RDWR | O_NONBLOCK);
  struct sigaction action = {};
  action.sa_sigaction = on_message;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &action, nullptr);
  struct sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  event.sigev_value.sival_int = 42;
  TRY(mq_notify(queue, &event));
  TRY(mq_notify(queue, &event));
  in_child([=] { mq_send(queue, "wake", 4, 0); });
  for (int i = 0; i < 500 && told == 0; ++i) usleep(10'000);
  say("told %d", told);
  receive(queue);
  TRY(mq_notify(queue, &event));
  TRY(mq_notify(queue, nullptr));
  TRY(mq_notify(1, &event));
  mq_unlink(name);
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
  umask(022);
  sprintf(name, "/litebox-test-%d", getpid());
  names();
  opening();
  sizes();
  order();
  waiting();
  notification();
  return 0;
}
