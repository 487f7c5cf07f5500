// A command in the foreground, beside a process of a container that it waits for.
#pragma once

#include <functional>
#include <optional>

#include "base/fd.h"
#include "runtime/signals.h"
#include "runtime/terminal_relay.h"

namespace litebox::runtime {

// To be made before the process, which is to find its terminal in the size of the caller's; nor may a signal of the process, or
// one while the caller's terminal is raw, end the command.
class Foreground {
 public:
  // `master`: of the process's terminal, if it has one.
  explicit Foreground(std::optional<Fd> master);

  // Relays the terminal, and hands the command's signals to `send` but those that are its own affair (SIGCHLD, SIGURG,
  // SIGWINCH), until `ended` returns a wait(2) status: it is asked first, and when `descriptor` (-1: none) can be read or a
  // signal comes. The status, after everything that the process has left on its terminal.
  int wait(int descriptor, const std::function<std::optional<int>(bool readable)>& ended, const std::function<void(int)>& send);

 private:
  void forward(int number, const std::function<void(int)>& send);

  SignalDescriptor signals_;  // before the relay: from its raw mode on, no signal may end this process
  std::optional<TerminalRelay> relay_;
};

}  // namespace litebox::runtime
