// Between the caller's terminal and a container's: what `run` and `exec` do in the foreground.
#pragma once

#include <poll.h>

#include <array>
#include <string>

#include "base/fd.h"
#include "runtime/raw_terminal.h"

namespace litebox::runtime {

// Copies standard input to a terminal's master and the master to standard output. While it lives, a terminal on standard input
// is in raw mode. To be made before any program uses the container's terminal, whose size it sets.
class TerminalRelay {
 public:
  explicit TerminalRelay(Fd master);
  TerminalRelay(const TerminalRelay&) = delete;
  TerminalRelay& operator=(const TerminalRelay&) = delete;

  // What to poll, and what to do with the outcome. Two entries, in this order in both.
  std::array<pollfd, 2> entries() const;
  void serve(const pollfd* outcome);

  // Gives the container's terminal the size of the caller's.
  void copy_size();

  // Copies what the container has left behind.
  void drain();

 private:
  bool copy_output();
  void write_input();

  RawTerminal caller_;
  Fd master_;
  bool input_open_ = true;
  std::string pending_;  // read, not yet taken by the master
};

}  // namespace litebox::runtime
