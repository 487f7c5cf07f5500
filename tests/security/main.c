#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

long raw(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  register long d __asm__("r10") = va_arg(list, long);
  register long e __asm__("r8") = va_arg(list, long);
  register long f __asm__("r9") = va_arg(list, long);
  va_end(list);
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f)
                   : "rcx", "r11", "memory");
  return result;
}

int claimed(const char* what, long result) {
  if (result < 0 && result >= -4095) return 0;
  printf("  claims: %s = %ld\n", what, result);
  return 1;
}

static int attempts_made;
static int attempts_claimed;

// Each attempt in a process of its own: it may well be killed for it, which is a refusal too.
static void run_all(const char* group, const struct attempt* attempts, const struct target* target) {
  for (; attempts->name != NULL; ++attempts) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      int result = attempts->run(target);
      fflush(stdout);
      _exit(result > 0 ? 1 : 0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) != child) continue;
    ++attempts_made;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
      ++attempts_claimed;
      printf("%s.%s: HANGS\n", group, attempts->name);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
      ++attempts_claimed;
      printf("%s.%s: CLAIMS SUCCESS\n", group, attempts->name);
    }
  }
}

// "@FILE": the arguments stand in FILE, one a line. The driver knows some of them only once the container is created.
static int read_arguments(const char* path, char** argv, int limit) {
  static char text[16384];
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  int count = 1;
  for (char* line = strtok(text, "\n"); line != NULL && count < limit; line = strtok(NULL, "\n")) argv[count++] = line;
  return count;
}

int main(int argc, char** argv) {
  char* from_file[32] = {argv[0]};
  if (argc == 2 && argv[1][0] == '@') {
    argc = read_arguments(argv[1] + 1, from_file, 32);
    argv = from_file;
  }
  if (argc == 1 || strstr(argv[0], "true") != NULL) return 0;
  if (strcmp(argv[1], "victim") == 0) return victim_main();
  if (strcmp(argv[1], "attacker") == 0) {
    set_neighbours(argv + 2, argc - 2);
    run_all("neighbours", neighbour_attempts, NULL);
    printf("%d attempts, %d claims\n", attempts_made, attempts_claimed);
    return attempts_claimed == 0 ? 0 : 1;
  }
  if (argc < 12) {
    fprintf(stderr, "usage: hostile FILE DIRECTORY SOCKET DATAGRAM ABSTRACT PORT PID PID PID PID SHMID [GROUP]\n");
    return 2;
  }
  struct target target = {.file = argv[1], .directory = argv[2], .socket = argv[3], .datagram = argv[4], .abstract = argv[5]};
  target.port = atoi(argv[6]);
  for (int i = 0; i < 4; ++i) target.pids[i] = atoi(argv[7 + i]);
  target.shared_memory = atoi(argv[11]);
  const char* only = argc > 12 ? argv[12] : NULL;
  static const struct {
    const char* name;
    const struct attempt* attempts;
  } groups[] = {{"files", file_attempts},    {"marked", marked_attempts},        {"processes", process_attempts},
                {"kernel", kernel_attempts}, {"hypercalls", hypercall_attempts}, {"sockets", socket_attempts},
                {"races", race_attempts}};
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; ++i) {
    if (only == NULL || strcmp(only, groups[i].name) == 0) run_all(groups[i].name, groups[i].attempts, &target);
  }
  printf("%d attempts, %d claims\n", attempts_made, attempts_claimed);
  return attempts_claimed == 0 ? 0 : 1;
}
