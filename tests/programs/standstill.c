// Guests for a pause, watched through a shared file of numbers: standstill count FILE | calls FILE | chain FILE | quit.
//
// count: processes and threads of many kinds that count, under a parent that says when it learns of stops.
// calls: threads that wait in one call each; prints what the calls have returned.
// chain: one process after the other, each the child of the one before.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY, RELEASE, STOPS_SEEN, FIRST_COUNTER, NUMBERS = 64 };
static _Atomic uint64_t* numbers;
static const char* program;

static void map_numbers(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT, 0666);
  if (fd < 0 || ftruncate(fd, NUMBERS * sizeof(uint64_t)) != 0) _exit(2);
  numbers = mmap(NULL, NUMBERS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
}

// --- count

typedef _Atomic uint64_t Counter;

static void spin(Counter* counter) { ++*counter; }

static void sleep_and_count(Counter* counter) {
  usleep(500);
  ++*counter;
}

static void ask_and_count(Counter* counter) {
  struct stat status;
  if (stat("/", &status) != 0) _exit(2);
  ++*counter;
}

static void fork_and_count(Counter* counter) {
  const pid_t pid = fork();
  if (pid == 0) {
    ++*counter;
    _exit(0);
  }
  if (pid > 0) waitpid(pid, NULL, 0);
}

static void execute_and_count(Counter* counter) {
  char* const arguments[] = {"standstill", "quit", NULL};
  pid_t pid = 0;
  if (posix_spawn(&pid, program, NULL, NULL, arguments, NULL) == 0) waitpid(pid, NULL, 0);
  ++*counter;
}

static void* count_once(void* counter) {
  ++*(Counter*)counter;
  return NULL;
}

static void start_thread_and_count(Counter* counter) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, count_once, (void*)counter) == 0) pthread_join(thread, NULL);
}

typedef void (*Work)(Counter*);
static const Work works[] = {spin, sleep_and_count, ask_and_count, fork_and_count, execute_and_count, start_thread_and_count};
enum { WORKS = sizeof works / sizeof *works };

static void* repeat(void* argument) {
  const size_t which = (size_t)argument;
  while (!numbers[RELEASE]) works[which % WORKS](&numbers[FIRST_COUNTER + which]);
  return NULL;
}

// A process with a thread of each kind that executes itself anew now and then.
static void work(size_t which, int first) {
  for (int i = 0; i < WORKS; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, repeat, (void*)(size_t)(which * WORKS + i)) != 0) _exit(2);
  }
  if (first) ++numbers[READY];
  usleep(300000);
  char number[16];
  snprintf(number, sizeof number, "%zu", which);
  char* const arguments[] = {"standstill", "again", (char*)"/numbers", number, NULL};
  execv(program, arguments);
  _exit(2);
}

// A debugger that has its child stop at every call; and nowhere else.
static void trace(Counter* calls_made, Counter* stops) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    while (1) {
      usleep(100);
      ++*calls_made;
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  while (ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    if (status >> 8 != (SIGTRAP | 0x80)) ++numbers[STOPS_SEEN];
    ++*stops;
  }
  ++numbers[STOPS_SEEN];
  _exit(2);
}

static void on_child(int signal, siginfo_t* information, void* context) {
  (void)signal, (void)context;
  const int code = information->si_code;
  if (code != CLD_EXITED && code != CLD_KILLED && code != CLD_DUMPED) ++numbers[STOPS_SEEN];
}

static int count(void) {
  struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
  enum { WORKERS = 3 };
  for (size_t i = 0; i < WORKERS; ++i) {
    if (fork() == 0) work(i, 1);
  }
  if (fork() == 0) trace(&numbers[FIRST_COUNTER + WORKERS * WORKS], &numbers[FIRST_COUNTER + WORKERS * WORKS + 1]);
  // One that job control has stopped stays so, and is not reported again.
  const pid_t stopped = fork();
  if (stopped == 0) {
    raise(SIGSTOP);
    ++numbers[STOPS_SEEN];
    pause();
  }
  waitpid(stopped, NULL, WUNTRACED);
  sigaction(SIGCHLD, &action, NULL);
  while (numbers[READY] != WORKERS) usleep(1000);
  ++numbers[READY];
  while (!numbers[RELEASE]) {
    siginfo_t information = {0};
    if (waitid(P_ALL, 0, &information, WSTOPPED | WCONTINUED | WNOHANG) == 0 && information.si_pid != 0) ++numbers[STOPS_SEEN];
    usleep(200);
  }
  char state = 0;
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/stat", stopped);
  FILE* const file = fopen(path, "re");
  if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1 || state != 'T') ++numbers[STOPS_SEEN];
  printf("stops seen: %d\n", (int)numbers[STOPS_SEEN]);
  return 0;  // the first process's end is everyone's
}

// --- chain

static int chain(void) {
  if (fork() != 0) {
    // The kernel reaps them at once: as zombies they would soon take up all ids of the host.
    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    ++numbers[READY];
    while (1) pause();
  }
  while (1) {
    ++numbers[FIRST_COUNTER];
    if (fork() != 0) _exit(0);
  }
}

// --- calls

enum { PIPE_READ, PIPE_POLL, PIPE_PPOLL, PIPE_SELECT, PIPE_EPOLL, PIPE_FULL, PIPES };
static int pipes[PIPES][2];
static int sockets[2][2];  // of recv without and with a timeout
static int listener, idle, watch, message_queue, semaphores;
static mqd_t queue;
static aio_context_t aio;
static uint32_t futex_word, idle_word;
static sem_t semaphore;
static pthread_t signalled[2];
static struct timespec second = {1, 0};
static _Atomic int in_position;

static struct timespec in_a_second(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  ++time.tv_sec;
  return time;
}

static long call_read(void) {
  char byte;
  return read(pipes[PIPE_READ][0], &byte, 1);
}
static long call_write(void) { return write(pipes[PIPE_FULL][1], "x", 1); }
static long call_poll(void) { return poll(&(struct pollfd){pipes[PIPE_POLL][0], POLLIN, 0}, 1, -1); }
static long call_poll_timed(void) { return poll(&(struct pollfd){idle, POLLIN, 0}, 1, 1000); }
static long call_ppoll(void) { return ppoll(&(struct pollfd){pipes[PIPE_PPOLL][0], POLLIN, 0}, 1, NULL, NULL); }
static long call_ppoll_timed(void) {
  return syscall(SYS_ppoll, &(struct pollfd){idle, POLLIN, 0}, 1, &(struct timespec){1, 0}, NULL, 8);
}
static long call_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(pipes[PIPE_SELECT][0], &set);
  return select(pipes[PIPE_SELECT][0] + 1, &set, NULL, NULL, NULL);
}
static long call_select_timed(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(idle, &set);
  return select(idle + 1, &set, NULL, NULL, &(struct timeval){1, 0});
}
static long wait_for_events(int fd, int milliseconds) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  return epoll_wait(epoll, &event, 1, milliseconds);
}
static long call_epoll(void) { return wait_for_events(pipes[PIPE_EPOLL][0], -1); }
static long call_epoll_timed(void) { return wait_for_events(idle, 1000); }
static long call_nanosleep(void) { return syscall(SYS_nanosleep, &second, NULL); }
static long call_clock_nanosleep(void) {
  const struct timespec end = in_a_second(CLOCK_MONOTONIC);
  return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}
// A wait that begins anew may come after the change that it waits for.
static long call_futex(void) {
  const long result = syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, NULL, NULL, 0);
  return result < 0 && errno == EAGAIN ? 0 : result;
}
static long call_futex_timed(void) { return syscall(SYS_futex, &idle_word, FUTEX_WAIT, 0, &second, NULL, 0); }
static long call_sem_wait(void) { return sem_wait(&semaphore); }
static long call_sem_timedwait(void) {
  sem_t never;
  sem_init(&never, 0, 0);
  const struct timespec end = in_a_second(CLOCK_REALTIME);
  return sem_timedwait(&never, &end);
}
static long call_sigwaitinfo(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  signalled[0] = pthread_self();
  return sigwaitinfo(&set, NULL);
}
static long call_sigtimedwait(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return sigtimedwait(&set, NULL, &second);
}
static long call_sigsuspend(void) {
  sigset_t set;
  sigfillset(&set);
  sigdelset(&set, SIGUSR2);
  signalled[1] = pthread_self();
  return sigsuspend(&set);
}
static long call_recv(void) {
  char byte;
  return recv(sockets[0][0], &byte, 1, 0);
}
static long call_recv_timed(void) {
  char byte;
  setsockopt(sockets[1][0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){1, 0}, sizeof(struct timeval));
  return recv(sockets[1][0], &byte, 1, 0);
}
static long call_accept(void) { return accept(listener, NULL, NULL) >= 0; }
static long call_flock(void) { return flock(open("/locked", O_RDWR | O_CREAT | O_CLOEXEC, 0600), LOCK_EX); }
static long call_fifo(void) { return open("/fifo", O_RDONLY | O_CLOEXEC) >= 0; }
static long call_msgrcv(void) {
  struct {
    long type;
    char byte;
  } message;
  return msgrcv(message_queue, &message, 1, 0, 0);
}
static long call_semop(void) { return semop(semaphores, &(struct sembuf){0, -1, 0}, 1); }
static long call_semtimedop(void) { return semtimedop(semaphores, &(struct sembuf){1, -1, 0}, 1, &second); }
static long call_mq_receive(void) {
  char message[8192];
  return mq_receive(queue, message, sizeof message, NULL);
}
static long call_inotify(void) {
  char events[4096];
  return read(watch, events, sizeof events) > 0;
}
static long call_io_getevents(void) {
  struct io_event event;
  return syscall(SYS_io_getevents, aio, 1, 1, &event, &second);
}
static long call_wait(void) {
  const pid_t child = fork();
  if (child == 0) {
    while (!numbers[RELEASE]) usleep(1000);
    _exit(0);
  }
  return waitpid(child, NULL, 0) == child;
}
static long call_vfork(void) {
  const pid_t child = vfork();
  if (child == 0) {
    while (!numbers[RELEASE]) usleep(1000);
    _exit(0);
  }
  return child > 0;
}

static const struct {
  const char* name;
  long (*function)(void);
} calls[] = {
    {"read", call_read},
    {"write", call_write},
    {"poll", call_poll},
    {"poll, timed", call_poll_timed},
    {"ppoll", call_ppoll},
    {"ppoll, timed", call_ppoll_timed},
    {"select", call_select},
    {"select, timed", call_select_timed},
    {"epoll_wait", call_epoll},
    {"epoll_wait, timed", call_epoll_timed},
    {"nanosleep", call_nanosleep},
    {"clock_nanosleep", call_clock_nanosleep},
    {"futex", call_futex},
    {"futex, timed", call_futex_timed},
    {"sem_wait", call_sem_wait},
    {"sem_timedwait", call_sem_timedwait},
    {"sigwaitinfo", call_sigwaitinfo},
    {"sigtimedwait", call_sigtimedwait},
    {"sigsuspend", call_sigsuspend},
    {"recv", call_recv},
    {"recv, timed", call_recv_timed},
    {"accept", call_accept},
    {"flock", call_flock},
    {"open of a fifo", call_fifo},
    {"msgrcv", call_msgrcv},
    {"semop", call_semop},
    {"semtimedop", call_semtimedop},
    {"mq_receive", call_mq_receive},
    {"inotify", call_inotify},
    {"io_getevents", call_io_getevents},
    {"wait", call_wait},
    {"vfork", call_vfork},
};
enum { CALLS = sizeof calls / sizeof *calls };
static long results[CALLS];
static int errors[CALLS];

static void* make_call(void* argument) {
  const size_t which = (size_t)argument;
  ++in_position;
  errno = 0;
  results[which] = calls[which].function();
  errors[which] = results[which] < 0 ? errno : 0;
  return NULL;
}

static void on_signal(int signal) { (void)signal; }

static void prepare_calls(void) {
  for (int i = 0; i < PIPES; ++i) {
    if (pipe2(pipes[i], O_CLOEXEC) != 0) _exit(2);
  }
  int idle_pipe[2];
  char filling[65536] = {0};
  if (pipe2(idle_pipe, O_CLOEXEC) != 0 || write(pipes[PIPE_FULL][1], filling, sizeof filling) != sizeof filling) _exit(2);
  idle = idle_pipe[0];
  for (int i = 0; i < 2; ++i) socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets[i]);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct sockaddr_un address = {AF_UNIX, "/socket"};
  unlink("/socket"), unlink("/fifo"), mq_unlink("/standstill");
  if (bind(listener, (const struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 1) != 0) _exit(2);
  if (mkfifo("/fifo", 0600) != 0) _exit(2);
  message_queue = msgget(IPC_PRIVATE, 0600);
  semaphores = semget(IPC_PRIVATE, 2, 0600);
  queue = mq_open("/standstill", O_RDWR | O_CREAT, 0600, NULL);
  watch = inotify_init1(IN_CLOEXEC);
  mkdir("/watched", 0700);
  inotify_add_watch(watch, "/watched", IN_CREATE);
  sem_init(&semaphore, 0, 0);
  syscall(SYS_io_setup, 1, &aio);
  signal(SIGUSR2, on_signal);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

static void release_calls(int locked) {
  for (int i = 0; i < PIPE_FULL; ++i) {
    if (write(pipes[i][1], "x", 1) != 1) _exit(2);
  }
  char emptied[65536];
  if (read(pipes[PIPE_FULL][0], emptied, sizeof emptied) < 1) _exit(2);
  __atomic_store_n(&futex_word, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &futex_word, FUTEX_WAKE, 100, NULL, NULL, 0);
  sem_post(&semaphore);
  pthread_kill(signalled[0], SIGUSR1);
  pthread_kill(signalled[1], SIGUSR2);
  send(sockets[0][1], "x", 1, 0);
  const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct sockaddr_un address = {AF_UNIX, "/socket"};
  if (connect(client, (const struct sockaddr*)&address, sizeof address) != 0) _exit(2);
  flock(locked, LOCK_UN);
  close(open("/fifo", O_WRONLY | O_CLOEXEC));
  const struct {
    long type;
    char byte;
  } message = {1, 'x'};
  msgsnd(message_queue, &message, 1, 0);
  semop(semaphores, &(struct sembuf){0, 1, 0}, 1);
  mq_send(queue, "x", 1, 0);
  close(open("/watched/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int make_calls(void) {
  prepare_calls();
  const int locked = open("/locked", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  flock(locked, LOCK_EX);
  pthread_t threads[CALLS];
  for (size_t i = 0; i < CALLS; ++i) pthread_create(&threads[i], NULL, make_call, (void*)i);
  while (in_position != CALLS) usleep(1000);
  ++numbers[READY];
  while (!numbers[RELEASE]) usleep(1000);
  release_calls(locked);
  for (size_t i = 0; i < CALLS; ++i) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < CALLS; ++i)
    printf("%s: %ld %s\n", calls[i].name, results[i], errors[i] ? strerrorname_np(errors[i]) : "");
  unlink("/watched/file");
  msgctl(message_queue, IPC_RMID, NULL);
  semctl(semaphores, 0, IPC_RMID);
  mq_unlink("/standstill");
  return 0;
}

int main(int argc, char** argv) {
  program = "/standstill";
  const char* const what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "quit") == 0) return 0;
  if (argc < 3) return 2;
  map_numbers(argv[2]);
  if (strcmp(what, "again") == 0) work((size_t)atoi(argv[3]), 0);
  if (strcmp(what, "count") == 0) return count();
  if (strcmp(what, "chain") == 0) return chain();
  if (strcmp(what, "calls") == 0) return make_calls();
  return 2;
}
