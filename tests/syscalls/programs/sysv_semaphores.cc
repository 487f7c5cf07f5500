// semget(2), semop(2), semtimedop(2), semctl(2).
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "report.h"

namespace {

union Argument {
  int value;
  struct semid_ds* status;
  unsigned short* values;
};

long semctl_value(int id, int number, int command, int value) {
  Argument argument = {};
  argument.value = value;
  return semctl(id, number, command, argument);
}

int make(int count) { return semget(IPC_PRIVATE, count, IPC_CREAT | 0600); }

void show_values(int id, int count) {
  unsigned short values[8] = {};
  Argument argument = {};
  argument.values = values;
  TRY(semctl(id, 0, GETALL, argument));
  for (int i = 0; i < count; ++i) say("  [%d] %d", i, values[i]);
}

void reap(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  say("  child: %x", static_cast<unsigned>(status));
}

void getting() {
  const key_t key = static_cast<key_t>(0x4c420000 + getpid());
  TRY(semget(key, 1, 0600));
  TRY(semget(key, 0, IPC_CREAT | 0600));
  TRY(semget(key, -1, IPC_CREAT | 0600));
  TRY(semget(key, 32001, IPC_CREAT | 0600));
  const int id = semget(key, 3, IPC_CREAT | IPC_EXCL | 0640);
  say("made: %d", id >= 0);
  TRY(semget(key, 3, IPC_CREAT | IPC_EXCL | 0640));
  say("again: %d, fewer: %d, with 0: %d", semget(key, 3, 0) == id, semget(key, 2, IPC_CREAT) == id, semget(key, 0, 0) == id);
  TRY(semget(key, 4, 0600));
  struct semid_ds status = {};
  Argument argument = {};
  argument.status = &status;
  TRY(semctl(id, 0, IPC_STAT, argument));
  say("  key %d uid %u gid %u cuid %u mode %o count %lu operated %d changed %d", status.sem_perm.__key == key,
      status.sem_perm.uid, status.sem_perm.gid, status.sem_perm.cuid, status.sem_perm.mode, status.sem_nsems,
      status.sem_otime != 0, status.sem_ctime != 0);
  status.sem_perm.mode = 0400;
  TRY(semctl(id, 0, IPC_SET, argument));
  TRY(semctl(id, 0, IPC_STAT, argument));
  say("  mode %o", status.sem_perm.mode);
  TRY(semctl(id, 0, IPC_RMID));
  TRY(semctl(id, 0, IPC_RMID));
  TRY(semctl(id, 0, IPC_STAT, argument));
  TRY(semctl(-1, 0, IPC_STAT, argument));
}

void values() {
  const int id = make(3);
  show_values(id, 3);
  TRY(semctl_value(id, 1, SETVAL, 5));
  TRY(semctl_value(id, 1, SETVAL, -1));
  TRY(semctl_value(id, 1, SETVAL, 32768));
  TRY(semctl_value(id, 3, SETVAL, 1));
  TRY(semctl_value(id, -1, SETVAL, 1));
  TRY(semctl(id, 1, GETVAL));
  TRY(semctl(id, 3, GETVAL));
  TRY(semctl(id, 1, GETNCNT));
  TRY(semctl(id, 1, GETZCNT));
  say("set by me: %d, by nobody: %d", semctl(id, 1, GETPID) == getpid(), semctl(id, 0, GETPID));
  unsigned short wanted[3] = {1, 2, 3};
  Argument argument = {};
  argument.values = wanted;
  TRY(semctl(id, 0, SETALL, argument));
  show_values(id, 3);
  wanted[1] = 40000;
  TRY(semctl(id, 0, SETALL, argument));
  show_values(id, 3);
  argument.values = reinterpret_cast<unsigned short*>(bad_pointer);
  TRY(semctl(id, 0, GETALL, argument));
  TRY(semctl(id, 0, SETALL, argument));
  TRY(semctl(id, 0, 99));
  TRY(semctl(id, 0, IPC_RMID));
}

void operations() {
  const int id = make(2);
  struct sembuf up_down[2] = {{0, 3, 0}, {1, -1, IPC_NOWAIT}};
  TRY(semop(id, up_down, 2));
  show_values(id, 2);
  up_down[1].sem_op = 1;
  TRY(semop(id, up_down, 2));
  show_values(id, 2);
  struct sembuf zero = {0, 0, IPC_NOWAIT};
  TRY(semop(id, &zero, 1));
  struct sembuf within[3] = {{0, -3, 0}, {0, 0, IPC_NOWAIT}, {0, 2, 0}};
  TRY(semop(id, within, 3));
  show_values(id, 2);
  struct sembuf too_much = {0, 32767, 0};
  TRY(semop(id, &too_much, 1));
  struct sembuf outside = {2, 1, 0};
  TRY(semop(id, &outside, 1));
  TRY(semop(id, up_down, 0));
  TRY(semop(id, up_down, 501));
  TRY(semop(-1, up_down, 1));
  TRY(semop(id, reinterpret_cast<struct sembuf*>(bad_pointer), 1));
  struct sembuf down = {0, -5, 0};
  struct timespec brief = {0, 20'000'000};
  TRY(semtimedop(id, &down, 1, &brief));
  brief.tv_nsec = 1'000'000'000;
  TRY(semtimedop(id, &down, 1, &brief));
  TRY(semctl(id, 0, IPC_RMID));
  TRY(semop(id, up_down, 1));
}

void waiting() {
  const int id = make(2);
  const pid_t child = fork();
  if (child == 0) {
    struct sembuf down = {0, -2, 0};
    _exit(semop(id, &down, 1) == 0 ? 5 : errno);
  }
  while (semctl(id, 0, GETNCNT) == 0) usleep(1000);
  TRY(semctl(id, 0, GETNCNT));
  TRY(semctl(id, 0, GETZCNT));
  struct sembuf up = {0, 1, 0};
  TRY(semop(id, &up, 1));
  TRY(semctl(id, 0, GETVAL));
  TRY(semop(id, &up, 1));
  reap(child);
  TRY(semctl(id, 0, GETVAL));
  say("the last one was the child: %d", semctl(id, 0, GETPID) == child);

  TRY(semctl_value(id, 1, SETVAL, 1));
  const pid_t zero = fork();
  if (zero == 0) {
    struct sembuf wait = {1, 0, 0};
    _exit(semop(id, &wait, 1) == 0 ? 6 : errno);
  }
  while (semctl(id, 1, GETZCNT) == 0) usleep(1000);
  TRY(semctl_value(id, 1, SETVAL, 0));
  reap(zero);

  const pid_t removed = fork();
  if (removed == 0) {
    struct sembuf down = {0, -1, 0};
    _exit(semop(id, &down, 1) == -1 && errno == EIDRM ? 7 : errno);
  }
  while (semctl(id, 0, GETNCNT) == 0) usleep(1000);
  TRY(semctl(id, 0, IPC_RMID));
  reap(removed);
}

// semop is not restarted after a handler, SA_RESTART or not.
void interrupted() {
  const int id = make(1);
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  alarm(1);
  struct sembuf down = {0, -1, 0};
  TRY(semop(id, &down, 1));
  TRY(semctl(id, 0, GETNCNT));
  TRY(semctl(id, 0, IPC_RMID));
}

void undoing() {
  const int id = make(2);
  TRY(semctl_value(id, 0, SETVAL, 10));
  const pid_t child = fork();
  if (child == 0) {
    struct sembuf both[2] = {{0, -4, SEM_UNDO}, {1, 7, SEM_UNDO}};
    struct sembuf more = {0, -1, 0};
    _exit(semop(id, both, 2) == 0 && semop(id, &more, 1) == 0 && semctl(id, 0, GETVAL) == 5 ? 0 : 1);
  }
  reap(child);
  // What undoes is done when the child has ended, but not always before its parent hears of it.
  for (int i = 0; i < 1000 && (semctl(id, 0, GETVAL) != 9 || semctl(id, 1, GETVAL) != 0); ++i) usleep(1000);
  show_values(id, 2);
  const pid_t killed = fork();
  if (killed == 0) {
    struct sembuf down = {0, -9, SEM_UNDO};
    semop(id, &down, 1);
    while (true) pause();
  }
  while (semctl(id, 0, GETVAL) != 0) usleep(1000);
  kill(killed, SIGKILL);
  struct sembuf down = {0, -9, 0};
  TRY(semop(id, &down, 1));
  reap(killed);
  TRY(semctl(id, 0, IPC_RMID));
}

void permissions() {
  if (getuid() != 0) return;
  const int id = make(1);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(5) != 0 || setuid(5) != 0) _exit(1);
    struct sembuf up = {0, 1, 0};
    TRY(semop(id, &up, 1));
    TRY(semctl(id, 0, GETVAL));
    TRY(semctl_value(id, 0, SETVAL, 1));
    TRY(semctl(id, 0, IPC_RMID));
    fflush(stdout);
    _exit(0);
  }
  reap(child);
  TRY(semctl(id, 0, IPC_RMID));
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  getting();
  values();
  operations();
  waiting();
  interrupted();
  undoing();
  permissions();
  return 0;
}
