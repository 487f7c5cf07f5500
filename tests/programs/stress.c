// Many of everything, in a container: stress wait | forks N | execs N | threads N | sessions N | paths N | files N | watches N
// | bomb LIMIT | quit. Prints "done N" when all of N have come and gone as they should.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int ended_well(pid_t pid) {
  int status = 0;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int forks(int count) {
  int done = 0;
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (ended_well(pid)) ++done;
  }
  return done;
}

static int execs(int count) {
  char* const arguments[] = {"stress", "quit", NULL};
  int done = 0;
  for (int i = 0; i < count; ++i) {
    pid_t pid = 0;
    if (posix_spawn(&pid, "/stress", NULL, NULL, arguments, NULL) == 0 && ended_well(pid)) ++done;
  }
  return done;
}

static void* name_something(void* argument) {
  struct stat status;
  *(int*)argument = stat("/stress", &status) == 0 && getppid() >= 0;
  return NULL;
}

// All at the same time.
static int threads(unsigned count) {
  pthread_t* const thread = calloc(count, sizeof *thread);
  int* const done = calloc(count, sizeof *done);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64UL * 1024);
  unsigned made = 0;
  while (made < count && pthread_create(&thread[made], &attributes, name_something, &done[made]) == 0) ++made;
  int sum = 0;
  for (unsigned i = 0; i < made; ++i) {
    pthread_join(thread[i], NULL);
    sum += done[i];
  }
  free(done);
  free(thread);
  return sum;
}

// Each with a group of two, whose leader changes its credentials' record (umask, working directory).
static int sessions(int count) {
  int done = 0;
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      if (setsid() != getpid() || getsid(0) != getpid()) _exit(1);
      umask(027);
      if (chdir("/proc") != 0) _exit(2);
      const pid_t other = fork();
      if (other == 0) _exit(getpgrp() == getsid(0) ? 0 : 3);
      _exit(ended_well(other) ? 0 : 4);
    }
    if (ended_well(pid)) ++done;
  }
  return done;
}

// Calls that name files, ever other ones, in a directory of this process's own: nothing that was named once may be kept.
static int paths(int count) {
  char directory[64];
  char name[128];
  char other[128];
  snprintf(directory, sizeof directory, "/paths%d", getpid());
  if (mkdir(directory, 0700) != 0) return -1;
  int done = 0;
  while (done < count) {
    struct stat status;
    snprintf(name, sizeof name, "%s/%d", directory, done);
    snprintf(other, sizeof other, "%s/other%d", directory, done);
    const int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (fd < 0 || close(fd) != 0) break;
    if (stat(name, &status) != 0 || chmod(name, 04711) != 0 || chown(name, getuid(), getgid()) != 0) break;
    if (rename(name, other) != 0 || access(name, F_OK) == 0 || symlink(other, name) != 0) break;
    if (stat(name, &status) != 0 || unlink(name) != 0 || unlink(other) != 0) break;
    done += 10;
  }
  return rmdir(directory) == 0 ? done : -1;
}

// Open at the same time, by as many processes as it takes.
static int files(int count) {
  enum { kEach = 900 };
  int* const opened = mmap(NULL, sizeof *opened, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ready[2];
  int hold[2];
  if (opened == MAP_FAILED || pipe(ready) != 0 || pipe(hold) != 0) return -1;
  int children = 0;
  for (int left = count; left > 0; left -= kEach) {
    const pid_t pid = fork();
    if (pid < 0) return -1;
    ++children;
    if (pid != 0) continue;
    close(hold[1]);
    for (int i = 0; i < left && i < kEach; ++i) {
      if (open(i % 3 == 0 ? "/" : "/stress", O_RDONLY) >= 0) __atomic_add_fetch(opened, 1, __ATOMIC_RELAXED);
    }
    char byte = 0;
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  for (int i = 0; i < children; ++i) {
    if (read(ready[0], &byte, 1) != 1) return -1;
  }
  const int done = *opened;
  close(hold[1]);
  for (int i = 0; i < children; ++i) waitpid(-1, NULL, 0);
  return done;
}

// Of one process, each on a directory of its own.
static int watches(int count) {
  char name[128];
  const int fd = inotify_init1(IN_NONBLOCK);
  int done = 0;
  if (fd < 0 || mkdir("/watched", 0700) != 0) return -1;
  while (done < count) {
    snprintf(name, sizeof name, "/watched/%d", done);
    if (mkdir(name, 0700) != 0 || inotify_add_watch(fd, name, IN_CREATE) < 0) break;
    ++done;
  }
  for (int i = 0; i < done; ++i) {
    snprintf(name, sizeof name, "/watched/%d/file", i);
    const int file = open(name, O_CREAT | O_WRONLY, 0600);
    struct inotify_event event[8];
    if (file < 0 || close(file) != 0 || read(fd, event, sizeof event) <= 0 || event[0].wd != i + 1 || unlink(name) != 0)
      return -1;
  }
  for (int i = 0; i < done; ++i) {
    snprintf(name, sizeof name, "/watched/%d", i);
    if (rmdir(name) != 0) return -1;
  }
  close(fd);
  return rmdir("/watched") == 0 ? done : -1;
}

// Every process forks as long as it can, in groups and sessions of their own. At most `limit` at a time, so that the host
// lives where nothing limits it; never ends by itself.
static void bomb(int limit) {
  int* const alive = mmap(NULL, sizeof *alive, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  signal(SIGCHLD, SIG_IGN);
  *alive = 1;
  const pid_t first = getpid();
  for (unsigned round = 0;; ++round) {
    if (__atomic_load_n(alive, __ATOMIC_RELAXED) >= limit) {
      usleep(1000);
      if (round % 8 != 7 || getpid() == first) continue;
      if (__atomic_sub_fetch(alive, 1, __ATOMIC_RELAXED) > limit / 2) _exit(0);
      __atomic_add_fetch(alive, 1, __ATOMIC_RELAXED);
      continue;
    }
    __atomic_add_fetch(alive, 1, __ATOMIC_RELAXED);
    const pid_t pid = fork();
    if (pid < 0) {
      __atomic_sub_fetch(alive, 1, __ATOMIC_RELAXED);
      usleep(1000);
    } else if (pid == 0) {
      if (round % 3 == 1) setpgid(0, 0);
      if (round % 3 == 2) setsid();
    }
  }
}

int main(int argc, char** argv) {
  const char* const what = argc > 1 ? argv[1] : "";
  const int count = argc > 2 ? atoi(argv[2]) : 0;
  int done = -1;
  if (strcmp(what, "quit") == 0) return 0;
  if (strcmp(what, "wait") == 0) {
    while (1) pause();
  }
  if (strcmp(what, "bomb") == 0) bomb(count);
  if (strcmp(what, "forks") == 0) done = forks(count);
  if (strcmp(what, "execs") == 0) done = execs(count);
  if (strcmp(what, "threads") == 0) done = threads((unsigned)count);
  if (strcmp(what, "sessions") == 0) done = sessions(count);
  if (strcmp(what, "paths") == 0) done = paths(count);
  if (strcmp(what, "files") == 0) done = files(count);
  if (strcmp(what, "watches") == 0) done = watches(count);
  printf("done %d\n", done);
  return done == count ? 0 : 1;
}
