// The caller's terminal in raw mode, for as long as a container's terminal stands behind it.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include "base/fd.h"

namespace litebox::runtime {

// Puts standard input, if it is a terminal, into raw mode (termios(3)); the destructor gives it its mode back. So does a small
// child process if this one is killed first, as long as nobody else has changed the mode. Not for a process with threads.
class RawTerminal {
 public:
  RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  void start_guardian();
  [[noreturn]] void guard(int parent) const;

  termios before_{};
  bool active_ = false;
  Fd guardian_;  // closed, or the guardian acts
  pid_t guardian_pid_ = -1;
};

}  // namespace litebox::runtime
