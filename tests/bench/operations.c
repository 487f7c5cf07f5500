// "/bin/true", "/etc/hostname", "/link" and the directories "/walk" and "/tmp" must exist.
#define _GNU_SOURCE
#include "operations.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void fail(const char* what) {
  perror(what);
  exit(1);
}

static void do_getpid(void) {
  if (getpid() <= 0) fail("getpid");
}

static void do_gettid(void) {
  if (gettid() <= 0) fail("gettid");
}

static void do_getppid(void) {
  if (getppid() < 0) fail("getppid");
}

static void do_uname(void) {
  struct utsname names;
  if (uname(&names) != 0) fail("uname");
}

static void do_stat(void) {
  struct stat status;
  if (stat("/bin/true", &status) != 0) fail("stat");
}

static void do_open_close(void) {
  int fd = open("/bin/true", O_RDONLY);
  if (fd < 0) fail("open");
  close(fd);
}

static void do_open_read_close(void) {
  char text[64];
  int fd = open("/etc/hostname", O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text) <= 0) fail("/etc/hostname");
  close(fd);
}

static void do_missing(void) {
  struct stat status;
  if (stat("/bin/missing", &status) == 0) fail("missing");
}

static void do_readlink(void) {
  char text[64];
  if (readlink("/link", text, sizeof text) <= 0) fail("readlink");
}

// Each process its own file.
static void do_create_unlink(void) {
  static char path[32];
  static pid_t owner;
  if (owner == 0) snprintf(path, sizeof path, "/tmp/made%d", owner = getpid());
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  if (fd < 0) fail(path);
  close(fd);
  unlink(path);
}

static void do_kill(void) {
  static pid_t self;
  if (self == 0) self = getpid();
  if (kill(self, 0) != 0) fail("kill");
}

static void do_bind(void) {
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr*)&address, sizeof address) != 0) fail("bind");
  close(fd);
}

// As find and its like see a tree: every directory read, the status of every file.
static int walk(const char* directory) {
  DIR* stream = opendir(directory);
  if (stream == NULL) fail(directory);
  int files = 0;
  for (struct dirent* entry; (entry = readdir(stream)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char path[1024];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    if (lstat(path, &status) != 0) fail(path);
    files += S_ISDIR(status.st_mode) ? walk(path) : 1;
  }
  closedir(stream);
  return files;
}

static void do_walk(void) {
  if (walk("/walk") == 0) fail("/walk");
}

static void do_pipe(void) {
  static int ends[2] = {-1, -1};
  char byte = 0;
  if (ends[0] < 0 && pipe(ends) != 0) fail("pipe");
  if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) fail("pipe");
}

// Whoever sends what comes back.
static void* echo(void* socket) {
  char byte;
  while (read(*(int*)socket, &byte, 1) == 1 && write(*(int*)socket, &byte, 1) == 1) continue;
  return NULL;
}

static void ping(int* ends) {
  static int started;
  char byte = 0;
  pthread_t thread;
  if (!started && pthread_create(&thread, NULL, echo, &ends[1]) != 0) fail("pthread_create");
  started = 1;
  if (write(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) fail("ping");
}

static void do_unix_ping(void) {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) fail("socketpair");
  ping(ends);
}

static void do_tcp_ping(void) {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int one = 1;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr*)&address, &size) != 0 ||
        connect(ends[0], (struct sockaddr*)&address, size) != 0 || (ends[1] = accept(listener, NULL, NULL)) < 0) {
      fail("TCP");
    }
    for (int i = 0; i < 2; ++i) setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  ping(ends);
}

static int turn;

static void wait_for_turn(int mine) {
  int now;
  while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine)
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void pass_turn(int to) {
  __atomic_store_n(&turn, to, __ATOMIC_RELEASE);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void* take_turns(void* argument) {
  for (;;) {
    wait_for_turn(1);
    pass_turn(0);
  }
  return argument;
}

static void do_futex_ping(void) {
  static int started;
  pthread_t thread;
  if (!started && pthread_create(&thread, NULL, take_turns, NULL) != 0) fail("pthread_create");
  started = 1;
  pass_turn(1);
  wait_for_turn(0);
}

static void do_mmap_touch(void) {
  char* memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  *memory = 1;
  munmap(memory, 4096);
}

static void on_signal(int number) { (void)number; }

static void do_signal(void) {
  signal(SIGUSR1, on_signal);
  if (raise(SIGUSR1) != 0) fail("raise");
}

static void* thread_main(void* argument) { return argument; }

static void do_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, thread_main, NULL) != 0) fail("pthread_create");
  pthread_join(thread, NULL);
}

static void do_read(void) {
  static int fd = -1;
  char byte;
  if (fd < 0 && (fd = open("/dev/zero", O_RDONLY)) < 0) fail("open /dev/zero");
  if (read(fd, &byte, 1) != 1) fail("read");
}

static void wait_for(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) fail("waitpid");
}

static void do_fork_exit(void) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) _exit(0);
  wait_for(child);
}

static void do_fork_exec(void) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    char* argv[] = {"/bin/true", NULL};
    execv(argv[0], argv);
    _exit(127);
  }
  wait_for(child);
}

static void do_vfork_exec(void) {
  static char* argv[] = {"/bin/true", NULL};
  pid_t child = vfork();
  if (child < 0) fail("vfork");
  if (child == 0) {
    execv(argv[0], argv);
    _exit(127);
  }
  wait_for(child);
}

static void do_posix_spawn(void) {
  char* argv[] = {"/bin/true", NULL};
  char* environment[] = {NULL};
  pid_t child = 0;
  if (posix_spawn(&child, argv[0], NULL, NULL, argv, environment) != 0) fail("posix_spawn");
  wait_for(child);
}

static const struct operation operations[] = {
    {"getpid", do_getpid, 2000},
    {"gettid", do_gettid, 2000},
    {"getppid", do_getppid, 2000},
    {"uname", do_uname, 1000},
    {"stat", do_stat, 1000},
    {"missing", do_missing, 1000},
    {"open_close", do_open_close, 1000},
    {"open_read_close", do_open_read_close, 1000},
    {"readlink", do_readlink, 1000},
    {"create_unlink", do_create_unlink, 200},
    {"kill", do_kill, 1000},
    {"bind", do_bind, 500},
    {"walk", do_walk, 1},
    {"read", do_read, 5000},
    {"pipe", do_pipe, 2000},
    {"unix_ping", do_unix_ping, 300},
    {"tcp_ping", do_tcp_ping, 300},
    {"futex_ping", do_futex_ping, 300},
    {"mmap_touch", do_mmap_touch, 500},
    {"signal", do_signal, 1000},
    {"thread", do_thread, 100},
    {"fork_exit", do_fork_exit, 20},
    {"fork_exec", do_fork_exec, 20},
    {"vfork_exec", do_vfork_exec, 20},
    {"posix_spawn", do_posix_spawn, 20},
};

const struct operation* find_operation(const char* name) {
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; ++i)
    if (strcmp(operations[i].name, name) == 0) return &operations[i];
  return NULL;
}
