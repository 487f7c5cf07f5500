// Makes every system call of x86-64 with arguments that are all zero and with arguments that are all ones, each in a process of
// its own, and prints a line for each: its number, and for both what became of it: "ok", "errno N", or how the process ended.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kEnd = 1024, kPatience = 400000 };  // numbers; microseconds

// The kernel answers from -4095 to 0 and above.
static const long kNotBack = -5000;

// Registers only: what vfork's child does to the stack, its parent finds there.
static inline long make_call(long number, long argument) {
  register long r10 __asm__("r10") = argument;
  register long r8 __asm__("r8") = argument;
  register long r9 __asm__("r9") = argument;
  long result = number;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(argument), "S"(argument), "d"(argument), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

// `result` is this attempt's only: a process that the call has made may come to it late.
static void attempt(long number, long argument, volatile long* result) {
  *result = kNotBack;
  const pid_t child = fork();
  if (child == 0) {
    const struct itimerval timer = {{0, 0}, {0, kPatience}};
    setitimer(ITIMER_REAL, &timer, NULL);
    const long answer = make_call(number, argument);
    *result = answer;
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (*result >= 0) {
    printf(" ok");
  } else if (*result != kNotBack) {
    printf(" errno %ld", -*result);
  } else if (WIFSIGNALED(status)) {
    printf(" signal %d", WTERMSIG(status));
  } else {
    printf(" exit %d", WEXITSTATUS(status));
  }
  fflush(stdout);
}

int main(void) {
  volatile long* results = mmap(NULL, sizeof *results * 2 * kEnd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (results == MAP_FAILED) return 1;
  // Descriptor 0 is what many of them get.
  close(0);
  if (open("/dev/null", O_RDWR) != 0) return 1;
  for (long number = 0; number < kEnd; ++number) {
    printf("%ld", number);
    attempt(number, 0, &results[2 * number]);
    printf(",");
    attempt(number, -1, &results[2 * number + 1]);
    printf("\n");
  }
  return 0;
}
