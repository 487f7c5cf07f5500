// One micro-benchmark, run natively or inside a container: prints nanoseconds per operation of each batch, one a line.
//
//   micro NAME [BATCHES]     NAME: getpid stat open_close read fork_exit fork_exec
//
// A static program, so that it runs alike in any tree. "/bin/true" and "/etc/hostname" must exist there.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void do_getpid(void) {
  if (syscall(SYS_getpid) <= 0) fail("getpid");
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

static const struct {
  const char* name;
  void (*operation)(void);
  int per_batch;
} benchmarks[] = {
    {"getpid", do_getpid, 2000}, {"stat", do_stat, 1000},         {"open_close", do_open_close, 1000},
    {"read", do_read, 5000},     {"fork_exit", do_fork_exit, 20}, {"fork_exec", do_fork_exec, 20},
};

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int batches = argc > 2 ? atoi(argv[2]) : 9;
  for (size_t i = 0; i < sizeof benchmarks / sizeof benchmarks[0]; ++i) {
    if (strcmp(argv[1], benchmarks[i].name) != 0) continue;
    benchmarks[i].operation();
    for (int batch = 0; batch < batches; ++batch) {
      struct timespec from, to;
      clock_gettime(CLOCK_MONOTONIC, &from);
      for (int n = 0; n < benchmarks[i].per_batch; ++n) benchmarks[i].operation();
      clock_gettime(CLOCK_MONOTONIC, &to);
      const double elapsed = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
      printf("%.0f\n", elapsed / benchmarks[i].per_batch);
    }
    return 0;
  }
  return 2;
}
