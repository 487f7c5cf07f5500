// What the programs about terminals share: pairs of a master and a slave, and words for what they see of them.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <initializer_list>

#include "report.h"

// A pseudo terminal, unlocked; its slave is opened without becoming anybody's controlling terminal.
struct Pair {
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  int slave = -1;
  int number = -1;
  char name[32] = "";

  Pair() {
    const int unlocked = 0;
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) != 0 || ioctl(master, TIOCGPTN, &number) != 0) {
      say("cannot open a terminal: %s", strerrorname_np(errno));
      exit(1);
    }
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    slave = open(name, O_RDWR | O_NOCTTY);
    if (slave < 0) say("cannot open the slave: %s", strerrorname_np(errno));
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    close_master();
    close_slave();
  }
  void close_master() {
    if (master >= 0) close(master);
    master = -1;
  }
  void close_slave() {
    if (slave >= 0) close(slave);
    slave = -1;
  }
};

inline bool readable(int fd, int milliseconds = 10000) {
  pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, milliseconds) == 1 && (entry.revents & POLLIN) != 0;
}

// What comes within a moment, with what cannot be printed as \xNN.
inline void show_read(const char* who, int fd) {
  char text[256];
  const ssize_t size = readable(fd) ? read(fd, text, sizeof text) : -2;
  if (size == -1) {
    say("  %s: read says %s", who, strerrorname_np(errno));
    return;
  }
  printf("  %s: ", who);
  for (ssize_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= ' ' && byte < 127) {
      putchar(byte);
    } else {
      printf("\\x%02x", byte);
    }
  }
  say("%s", size == -2 ? "nothing comes" : size == 0 ? "the end" : "");
}

inline void put(int fd, const char* text) {
  if (write(fd, text, strlen(text)) < 0) say("  write says %s", strerrorname_np(errno));
}
