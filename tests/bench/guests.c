// Many of a thing at once, inside a container or natively.
//
//   guests at-once COUNT NAME MILLISECONDS   operations a second of COUNT processes, each doing nothing else for so long
//   guests sleeping COUNT                    COUNT processes that sleep
//   guests directories COUNT PATH            one that has this directory open COUNT times
//
// The last two say "ready" and stay until they are killed. NAME is one of operations.c.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operations.h"

enum { clock_looks = 50 };  // in a batch

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static pid_t fork_or_fail(void) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  return child;
}

// Says that it is at the gate, and begins when the gate's other end is closed.
static double rate(const struct operation* operation, double duration, int ready, int gate) {
  const int chunk = operation->per_batch > clock_looks ? operation->per_batch / clock_looks : 1;
  char byte = 0;
  operation->perform();
  if (write(ready, &byte, 1) != 1 || read(gate, &byte, 1) != 0) fail("gate");
  const double start = seconds();
  double now = start;
  long done = 0;
  while (now - start < duration) {
    for (int i = 0; i < chunk; ++i) operation->perform();
    done += chunk;
    now = seconds();
  }
  return (double)done / (now - start);
}

static int at_once(int count, const struct operation* operation, double duration) {
  int ready[2], gate[2], status = 0;
  char byte;
  const size_t size = (size_t)count * sizeof(double);
  double* rates = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (rates == MAP_FAILED || pipe(ready) != 0 || pipe(gate) != 0) fail("pipe");
  for (int i = 0; i < count; ++i) {
    if (fork_or_fail() != 0) continue;
    close(gate[1]);
    rates[i] = rate(operation, duration, ready[1], gate[0]);
    _exit(0);
  }
  for (int i = 0; i < count; ++i)
    if (read(ready[0], &byte, 1) != 1) fail("a process");
  close(gate[1]);
  double total = 0;
  for (int i = 0; i < count; ++i)
    if (wait(&status) < 0 || status != 0) fail("a process");
  for (int i = 0; i < count; ++i) total += rates[i];
  printf("%.1f\n", total);
  return 0;
}

static void sleeping(int count) {
  char* argv[] = {"sleep", "100000", NULL};
  for (int i = 0; i < count; ++i) {
    if (fork_or_fail() != 0) continue;
    execv("/bin/sleep", argv);
    fail("/bin/sleep");
  }
}

static void directories(int count, const char* path) {
  for (int i = 0; i < count; ++i)
    if (open(path, O_RDONLY | O_DIRECTORY) < 0) fail(path);
}

int main(int argc, char** argv) {
  const int count = argc > 2 ? atoi(argv[2]) : 0;
  const struct operation* operation = argc > 4 ? find_operation(argv[3]) : NULL;
  if (operation != NULL && strcmp(argv[1], "at-once") == 0) return at_once(count, operation, atof(argv[4]) / 1e3);
  if (argc == 3 && strcmp(argv[1], "sleeping") == 0) {
    sleeping(count);
  } else if (argc == 4 && strcmp(argv[1], "directories") == 0) {
    directories(count, argv[3]);
  } else {
    return 2;
  }
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
