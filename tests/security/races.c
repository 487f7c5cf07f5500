// Races with the monitor: a second thread changes what was just read, or where a name leads, while calls are answered.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

enum { kRounds = 3000 };

static atomic_int running;
static void (*flip)(int);

static void* flipper(void* unused) {
  (void)unused;
  for (int i = 0; atomic_load(&running); ++i) flip(i & 1);
  return NULL;
}

static pthread_t start(void (*function)(int)) {
  pthread_t thread;
  flip = function;
  atomic_store(&running, 1);
  pthread_create(&thread, NULL, flipper, NULL);
  return thread;
}

static void stop(pthread_t thread) {
  atomic_store(&running, 0);
  pthread_join(thread, NULL);
}

static char shared_path[4096];
static const struct target* current;

static void flip_path(int odd) { strcpy(shared_path, odd ? current->file : "/etc/passwd"); }

// The path changes in memory between the monitor's look at it and anything else that might read it.
static int try_path_in_memory(const struct target* t) {
  current = t;
  struct stat inside, seen;
  if (raw(SYS_stat, "/etc/passwd", &inside) != 0) return 0;
  pthread_t thread = start(flip_path);
  int claims = 0;
  for (int i = 0; i < kRounds && claims == 0; ++i) {
    const long fd = raw(SYS_open, shared_path, O_RDONLY);
    if (fd >= 0) {
      raw(SYS_fstat, fd, &seen);
      if (seen.st_ino != inside.st_ino) claims = claimed("open raced in memory", fd);
      raw(SYS_close, fd);
    }
    raw(SYS_chmod, shared_path, 0644);
    if (raw(SYS_stat, shared_path, &seen) == 0 && seen.st_ino != inside.st_ino) claims = claimed("stat raced in memory", 1);
  }
  stop(thread);
  return claims;
}

static void flip_link(int odd) {
  unlink("/tmp/race/there");
  if (odd) {
    if (symlink(current->directory, "/tmp/race/there") != 0) return;
  } else {
    mkdir("/tmp/race/there", 0755);
    rmdir("/tmp/race/there");
  }
}

// A directory that becomes a symlink to the outside, and back, while paths go through it.
static int try_directory_to_symlink(const struct target* t) {
  current = t;
  mkdir("/tmp/race", 0755);
  pthread_t thread = start(flip_link);
  int claims = 0;
  for (int i = 0; i < kRounds && claims == 0; ++i) {
    claims += claimed("open through a raced directory", raw(SYS_open, "/tmp/race/there/canary", O_RDONLY));
    claims += claimed("chmod through a raced directory", raw(SYS_chmod, "/tmp/race/there/canary", 0777));
    claims += claimed("open(O_CREAT) through a raced directory",
                      raw(SYS_open, "/tmp/race/there/made-by-a-guest/x", O_CREAT | O_WRONLY, 0600));
  }
  stop(thread);
  return claims;
}

static void flip_depth(int odd) {
  if (odd) {
    rename("/tmp/deep/a/b", "/tmp/deep/b");
  } else {
    rename("/tmp/deep/b", "/tmp/deep/a/b");
  }
}

// A directory that is moved up while ".." climbs out of it.
static int try_moving_directory(const struct target* t) {
  mkdir("/tmp/deep", 0755);
  mkdir("/tmp/deep/a", 0755);
  mkdir("/tmp/deep/b", 0755);
  mkdir("/tmp/deep/b/c", 0755);
  char path[8192] = "/tmp/deep/a/b/c";
  for (int i = 0; i < 32; ++i) strcat(path, "/..");
  strcat(path, t->file);
  pthread_t thread = start(flip_depth);
  int claims = 0;
  for (int i = 0; i < kRounds && claims == 0; ++i) {
    claims += claimed("open from a moving directory", raw(SYS_open, path, O_RDONLY));
    claims += claimed("open from a moving directory", raw(SYS_open, path + strlen("/tmp/deep/a/b/c/"), O_RDONLY));
  }
  stop(thread);
  return claims;
}

static struct sockaddr_un shared_address;
static struct msghdr shared_header;

static void flip_address(int odd) {
  strcpy(shared_address.sun_path, odd ? current->socket : "/tmp/own-socket");
  shared_header.msg_name = odd ? &shared_address : NULL;
  shared_header.msg_namelen = odd ? sizeof shared_address : 0;
}

static int try_address_in_memory(const struct target* t) {
  current = t;
  unlink("/tmp/own-socket");
  struct sockaddr_un own = {.sun_family = AF_UNIX, .sun_path = "/tmp/own-socket"};
  const int listener = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (bind(listener, (struct sockaddr*)&own, sizeof own) != 0) return 0;
  shared_address = own;
  struct iovec vector = {"owned", 5};
  shared_header.msg_iov = &vector;
  shared_header.msg_iovlen = 1;
  pthread_t thread = start(flip_address);
  int claims = 0;
  for (int i = 0; i < kRounds && claims == 0; ++i) {
    const long stream = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    claims += claimed("connect raced in memory", raw(SYS_connect, stream, &shared_address, sizeof shared_address));
    raw(SYS_close, stream);
    const long datagram = raw(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    raw(SYS_sendmsg, datagram, &shared_header, MSG_DONTWAIT);
    raw(SYS_close, datagram);
  }
  stop(thread);
  return claims;
}

static int flipped_fd;
static int memfd;
static int harmless;
static void flip_descriptor(int odd) { raw(SYS_dup2, odd ? memfd : harmless, flipped_fd); }

// A descriptor that changes under the monitor's hands while it is handed directories by number.
static int try_descriptor_swap(const struct target* t) {
  memfd = (int)raw(SYS_open, "/proc", O_RDONLY | O_DIRECTORY);
  harmless = (int)raw(SYS_open, "/tmp", O_RDONLY | O_DIRECTORY);
  flipped_fd = 77;
  raw(SYS_dup2, harmless, flipped_fd);
  char path[8192] = "";
  for (int i = 0; i < 16; ++i) strcat(path, "../");
  strcat(path, t->file + 1);
  pthread_t thread = start(flip_descriptor);
  int claims = 0;
  for (int i = 0; i < kRounds && claims == 0; ++i)
    claims += claimed("openat raced", raw(SYS_openat, flipped_fd, path, O_RDONLY));
  stop(thread);
  return claims;
}

static void flip_descriptor_table(int odd) {
  // While an exec is under way its loader's descriptor has the lowest free number.
  for (int fd = 3; fd < 12; ++fd) raw(SYS_dup2, odd ? memfd : harmless, fd);
}

// Replaces the loader's descriptor during an exec: the process may fail to exec, and nothing else.
static int try_loader_swap(const struct target* t) {
  (void)t;
  static const char script[] = "#!/bin/true\n";
  memfd = (int)raw(SYS_memfd_create, "x", 0);
  raw(SYS_write, memfd, script, sizeof script - 1);
  harmless = (int)raw(SYS_open, "/tmp", O_RDONLY | O_DIRECTORY);
  memfd = (int)raw(SYS_fcntl, memfd, F_DUPFD, 100);
  harmless = (int)raw(SYS_fcntl, harmless, F_DUPFD, 100);
  for (int round = 0; round < 20; ++round) {
    const long child = raw(SYS_fork);
    if (child == 0) {
      start(flip_descriptor_table);
      char* argv[] = {"true", NULL};
      raw(SYS_execve, "/bin/true", argv, argv + 1);
      raw(SYS_exit_group, 0);
    }
    raw(SYS_wait4, child, 0, 0, 0);
  }
  return 0;
}

#define ENTRY(name) \
  { #name, try_##name }
const struct attempt race_attempts[] = {ENTRY(path_in_memory),
                                        ENTRY(directory_to_symlink),
                                        ENTRY(moving_directory),
                                        ENTRY(address_in_memory),
                                        ENTRY(descriptor_swap),
                                        ENTRY(loader_swap),
                                        {NULL, NULL}};
