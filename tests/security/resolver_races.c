// resolver_races BASE CANARY SECONDS: four threads rename, exchange and replace directories and symlinks under BASE for ever,
// while the main thread walks through them by paths that lead to CANARY whenever a resolver loses its way.
//
// Prints the number of calls and how many found the canary. Outside a container, where nothing holds the paths back, it does
// find it: that is the control.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "races_layout.h"

static atomic_int running = 1;
static char canary[PATH_MAX];
static char canary_directory[PATH_MAX];

// A directory and a symlink to the canary's directory change places.
static void* exchange(void* unused) {
  (void)unused;
  while (atomic_load(&running)) renameat2(AT_FDCWD, "swap/place", AT_FDCWD, "swap/away", RENAME_EXCHANGE);
  return NULL;
}

// A directory moves up and down, so that ".." from below it leads to different heights.
static void* move_up_and_down(void* unused) {
  (void)unused;
  while (atomic_load(&running)) {
    rename("deep/a/b/c", "c");
    rename("c", "deep/a/b/c");
  }
  return NULL;
}

// A name is in turn a directory, an absolute link, a relative link that climbs, and nothing.
static void* replace_link(void* unused) {
  (void)unused;
  char climbing[2 * PATH_MAX] = "";
  for (int i = 0; i < kClimbs; ++i) strcat(climbing, "../");
  strcat(climbing, canary_directory + 1);
  while (atomic_load(&running)) {
    if (mkdir("turn/place", 0755) == 0) rmdir("turn/place");
    if (symlink(canary_directory, "turn/place") == 0) unlink("turn/place");
    if (symlink(climbing, "turn/place") == 0) unlink("turn/place");
  }
  return NULL;
}

// The way between two mounts: a directory below one is put under the other's mountpoint and back, and its link changes.
static void* change_below_mount(void* unused) {
  (void)unused;
  while (atomic_load(&running)) {
    renameat2(AT_FDCWD, "bound/x", AT_FDCWD, "bound/y", RENAME_EXCHANGE);
    rename("bound/z", "bound/y/z");
    rename("bound/y/z", "bound/z");
    rename("bound/x/z", "bound/z");
  }
  return NULL;
}

static long calls;
static long found;

static void look(int fd) {
  ++calls;
  if (fd < 0) return;
  char text[sizeof kCanaryText] = "";
  if (read(fd, text, sizeof text - 1) > 0 && strcmp(text, kCanaryText) == 0) ++found;
  close(fd);
}

static void look_at(const char* path) {
  look(open(path, O_RDONLY | O_NONBLOCK));
  struct stat status;
  ++calls;
  if (stat(path, &status) == 0 && status.st_size == kCanarySize) ++found;
  char made[2 * PATH_MAX];
  snprintf(made, sizeof made, "%.*s/made-by-a-guest", (int)(strrchr(path, '/') - path), path);
  ++calls;
  const int fd = open(made, O_CREAT | O_WRONLY | O_NONBLOCK, 0600);
  if (fd >= 0) {
    close(fd);
    unlink(made);
  }
}

static void walk(int directory) {
  char path[3 * PATH_MAX] = "swap/place/canary";
  look_at(path);
  look_at("turn/place/canary");
  snprintf(path, sizeof path, "turn/place/../%s/canary", strrchr(canary_directory, '/') + 1);
  look_at(path);
  strcpy(path, "deep/a/b/c/d");
  for (int i = 0; i < kClimbs; ++i) strcat(path, "/..");
  strcat(path, canary);
  look_at(path);
  snprintf(path, sizeof path, "bound/x/z/../../../..");
  for (int i = 0; i < kClimbs; ++i) strcat(path, "/..");
  strcat(path, canary);
  look_at(path);
  // From a descriptor of the directory that moves.
  strcpy(path, "d");
  for (int i = 0; i < kClimbs; ++i) strcat(path, "/..");
  strcat(path, canary);
  look(openat(directory, path, O_RDONLY));
  struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
  look((int)syscall(SYS_openat2, directory, path, &how, sizeof how));
  how.resolve = RESOLVE_IN_ROOT;
  look((int)syscall(SYS_openat2, directory, path, &how, sizeof how));
}

static void prepare(const char* base) {
  if (chdir(base) != 0) exit(2);
  static const char* const directories[] = {"swap",         "swap/place", "deep",  "deep/a",  "deep/a/b", "deep/a/b/c",
                                            "deep/a/b/c/d", "turn",       "bound", "bound/x", "bound/y",  "bound/z"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; ++i) {
    if (mkdir(directories[i], 0755) != 0 && errno != EEXIST) exit(2);
  }
  if (symlink(canary_directory, "swap/away") != 0 && errno != EEXIST) exit(2);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  strncpy(canary, argv[2], sizeof canary - 1);
  strcpy(canary_directory, canary);
  *strrchr(canary_directory, '/') = '\0';
  prepare(argv[1]);
  const int directory = open("deep/a/b/c", O_RDONLY | O_DIRECTORY);
  void* (*const threads[])(void*) = {exchange, move_up_and_down, replace_link, change_below_mount};
  pthread_t started[4];
  for (int i = 0; i < 4; ++i) pthread_create(&started[i], NULL, threads[i], NULL);
  const time_t end = time(NULL) + atoi(argv[3]);
  while (time(NULL) < end) walk(directory);
  atomic_store(&running, 0);
  for (int i = 0; i < 4; ++i) pthread_join(started[i], NULL);
  printf("calls %ld found %ld\n", calls, found);
  return 0;
}
