// msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "report.h"

namespace {

struct Buffer {
  long type;
  char text[8192];
};

int make() { return msgget(IPC_PRIVATE, IPC_CREAT | 0600); }

long send(int id, long type, const char* text, int flags = IPC_NOWAIT) {
  Buffer buffer = {};
  buffer.type = type;
  strcpy(buffer.text, text);
  return msgsnd(id, &buffer, strlen(text), flags);
}

void receive(int id, size_t size, long type, int flags) {
  Buffer buffer = {};
  const long got = TRY(msgrcv(id, &buffer, size, type, flags));
  if (got >= 0) say("  type %ld: %.*s", buffer.type, static_cast<int>(got), buffer.text);
}

void show_status(int id) {
  struct msqid_ds status = {};
  TRY(msgctl(id, IPC_STAT, &status));
  say("  messages %lu bytes %lu limit %lu mode %o uid %u sent %d received %d, by me: %d %d", status.msg_qnum,
      status.__msg_cbytes, status.msg_qbytes, status.msg_perm.mode, status.msg_perm.uid, status.msg_stime != 0,
      status.msg_rtime != 0, status.msg_lspid == getpid(), status.msg_lrpid == getpid());
}

void reap(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  say("  child: %x", static_cast<unsigned>(status));
}

void getting() {
  const key_t key = static_cast<key_t>(0x4c430000 + getpid());
  TRY(msgget(key, 0600));
  const int id = msgget(key, IPC_CREAT | IPC_EXCL | 0640);
  say("made: %d, found: %d", id >= 0, msgget(key, 0) == id);
  TRY(msgget(key, IPC_CREAT | IPC_EXCL | 0640));
  show_status(id);
  struct msqid_ds status = {};
  msgctl(id, IPC_STAT, &status);
  status.msg_qbytes = 100;
  status.msg_perm.mode = 0444;
  TRY(msgctl(id, IPC_SET, &status));
  show_status(id);
  TRY(msgctl(id, IPC_RMID, nullptr));
  TRY(msgctl(id, IPC_RMID, nullptr));
  TRY(send(id, 1, "x"));
  TRY(msgctl(-1, IPC_STAT, &status));
  TRY(msgctl(id, 99, &status));
}

void types() {
  const int id = make();
  receive(id, 100, 0, IPC_NOWAIT);
  TRY(send(id, 3, "three"));
  TRY(send(id, 1, "one"));
  TRY(send(id, 2, "two"));
  TRY(send(id, 1, "one again"));
  TRY(send(id, 5, "five"));
  TRY(send(id, 0, "zero"));
  TRY(send(id, -1, "minus"));
  show_status(id);
  receive(id, 100, 1, IPC_NOWAIT | MSG_COPY);
  receive(id, 100, 9, IPC_NOWAIT | MSG_COPY);
  receive(id, 2, 0, IPC_NOWAIT | MSG_COPY);
  receive(id, 2, 0, IPC_NOWAIT | MSG_COPY | MSG_NOERROR);
  receive(id, 100, 0, MSG_COPY);
  receive(id, 100, 2, IPC_NOWAIT);
  receive(id, 100, -2, IPC_NOWAIT);
  receive(id, 100, 3, IPC_NOWAIT | MSG_EXCEPT);
  receive(id, 100, 4, IPC_NOWAIT);
  receive(id, 2, 0, IPC_NOWAIT);
  receive(id, 2, 0, IPC_NOWAIT | MSG_NOERROR);
  receive(id, 100, -1, IPC_NOWAIT);
  receive(id, 100, 0, 0);
  receive(id, 100, 0, IPC_NOWAIT);
  show_status(id);
  TRY(send(id, 7, ""));
  receive(id, 0, 7, 0);
  Buffer buffer = {};
  buffer.type = 1;
  TRY(msgsnd(id, &buffer, 8193, IPC_NOWAIT));
  TRY(msgsnd(id, &buffer, static_cast<size_t>(-1), IPC_NOWAIT));
  TRY(msgsnd(id, bad_pointer, 1, IPC_NOWAIT));
  TRY(msgrcv(id, &buffer, static_cast<size_t>(-1), 0, IPC_NOWAIT));
  TRY(msgctl(id, IPC_RMID, nullptr));
}

void filling() {
  const int id = make();
  Buffer buffer = {};
  buffer.type = 1;
  TRY(msgsnd(id, &buffer, 8192, IPC_NOWAIT));
  TRY(msgsnd(id, &buffer, 8192, IPC_NOWAIT));
  TRY(msgsnd(id, &buffer, 1, IPC_NOWAIT));
  const pid_t child = fork();
  if (child == 0) _exit(msgsnd(id, &buffer, 100, 0) == 0 ? 3 : errno);
  usleep(50'000);
  receive(id, 8192, 0, MSG_NOERROR);
  reap(child);
  show_status(id);
  TRY(msgctl(id, IPC_RMID, nullptr));
}

void waiting() {
  const int id = make();
  const pid_t child = fork();
  if (child == 0) {
    usleep(50'000);
    _exit(send(id, 4, "later") == 0 ? 0 : errno);
  }
  receive(id, 100, 4, 0);
  reap(child);
  const pid_t removed = fork();
  if (removed == 0) {
    Buffer buffer = {};
    _exit(msgrcv(id, &buffer, 100, 0, 0) == -1 && errno == EIDRM ? 8 : 1);
  }
  usleep(50'000);
  TRY(msgctl(id, IPC_RMID, nullptr));
  reap(removed);
}

void interrupted() {
  const int id = make();
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  alarm(1);
  receive(id, 100, 0, 0);
  TRY(msgctl(id, IPC_RMID, nullptr));
}

void permissions() {
  if (getuid() != 0) return;
  const int id = make();
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(5) != 0 || setuid(5) != 0) _exit(1);
    TRY(send(id, 1, "x"));
    receive(id, 10, 0, IPC_NOWAIT);
    TRY(msgctl(id, IPC_RMID, nullptr));
    fflush(stdout);
    _exit(0);
  }
  reap(child);
  TRY(msgctl(id, IPC_RMID, nullptr));
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  getting();
  types();
  filling();
  waiting();
  interrupted();
  permissions();
  return 0;
}
