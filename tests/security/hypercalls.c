// Random calls to the monitor (shim/guest/abi.h), and random entries into the blob, with an exec, a thread or a stop under way
// or not. A process that does this may be killed for it, or wait for ever; the monitor answers the others as before.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

#define FIRST_HYPERCALL 0x2c420000L
#define HYPERCALLS 8
#define BLOB 0x7ea000000000UL
#define BLOB_SIZE 0x2000

static unsigned long state;

static unsigned long next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static char page[2][8192] __attribute__((aligned(4096)));

static long argument(void) {
  static const unsigned long interesting[] = {0,    1,          8, 0x7fffffff, 0xffffffff, 1UL << 63, ~0UL, 0x7ffffffff000,
                                              BLOB, BLOB + 0x40};
  switch (next() % 6) {
    case 0:
      return (long)interesting[next() % (sizeof interesting / sizeof interesting[0])];
    case 1:
      return (long)(next() % 12);  // a descriptor, perhaps
    case 2:
      return (long)page[0] + (long)(next() % sizeof page[0]);
    case 3:
      return (long)page[1] - (long)(next() % 64);
    case 4:
      return (long)(BLOB + next() % BLOB_SIZE);
    default:
      return (long)next();
  }
}

static long hypercall(void) {
  return raw(FIRST_HYPERCALL + (long)(next() % HYPERCALLS), argument(), argument(), argument(), argument(), argument(),
             argument());
}

// Jumps to where hypercalls are made, with registers of the guest's choice.
static void enter_blob(void) {
  const unsigned long entries[] = {0, 0x80, 0xc0, 0xe0, 0x118, next() % BLOB_SIZE};
  const unsigned long at = BLOB + entries[next() % (sizeof entries / sizeof entries[0])];
  const long numbers[] = {SYS_execve, SYS_mmap, SYS_execveat, FIRST_HYPERCALL + (long)(next() % HYPERCALLS)};
  const long a = argument(), b = argument(), c = argument();
  register long d __asm__("r10") = argument();
  register long e __asm__("r8") = argument();
  register long f __asm__("r9") = argument();
  __asm__ volatile("jmp *%[at]"
                   :
                   : [at] "c"(at), "a"(numbers[next() % 4]), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f)
                   : "memory");
}

static int in_thread(void* unused) {
  (void)unused;
  while (1) hypercall();
  return 0;
}

static void misbehave(void) {
  static char* argv[] = {"true", NULL};
  alarm(1);
  for (int i = 0; i < 3; ++i) (void)open("/proc/self/exe", O_RDONLY);
  (void)!pipe((int[2]){0, 0});
  const unsigned long how = next() % 8;
  if (how == 0) raw(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
  if (how == 1 || how == 2) {
    char* stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    clone(in_thread, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
  }
  if (how == 3) mprotect(page[1], 4096, PROT_NONE);
  for (int i = 0; i < 40; ++i) hypercall();
  if (how % 2 == 0) enter_blob();
  if (how == 2) execve("/bin/true", argv, argv + 1);
}

// Whoever does nothing of this is served.
static int is_served(void) {
  static char* argv[] = {"true", NULL};
  const pid_t child = vfork();
  if (child == 0) {
    execve("/bin/true", argv, argv + 1);
    _exit(127);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

static int try_random(const struct target* t) {
  (void)t;
  const char* seconds = getenv("HYPERCALL_SECONDS");
  const char* seed = getenv("HYPERCALL_SEED");
  const time_t end = time(NULL) + (seconds != NULL ? atoi(seconds) : 4);
  unsigned long round = seed != NULL ? strtoul(seed, NULL, 10) : 1;
  alarm(0);
  for (; time(NULL) < end; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      state = round * 0x9e3779b97f4a7c15UL + 1;
      misbehave();
      _exit(0);
    }
    int status = 0;
    for (int waited = 0; waitpid(child, &status, WNOHANG) == 0 || WIFSTOPPED(status); ++waited) {
      if (waited == 100) kill(child, SIGKILL);
      if (waited > 2000) return claimed("a process outlives SIGKILL", (long)round);
      usleep(waited < 10 ? 200 : 2000);
      status = 0;
    }
    if (round % 16 == 0 && !is_served()) return claimed("an exec fails after it", (long)round);
  }
  printf("  %lu rounds\n", round);
  return 0;
}

const struct attempt hypercall_attempts[] = {
    {"random", try_random},
    {0, 0},
};
