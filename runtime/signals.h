// Signals as descriptors, for commands and keepers that wait for several things at once.
#pragma once

#include <signal.h>

#include <optional>

#include "base/fd.h"

namespace litebox::runtime {

// Every signal's disposition becomes the default one and none is blocked: what a container's processes start with, whatever the
// caller has ignored or blocked.
void reset_signals();
void unblock_signals();

// Blocks signals from here on and reads them from a descriptor; the destructor restores the mask. A child that is forked
// meanwhile calls reset_signals().
class SignalDescriptor {
 public:
  explicit SignalDescriptor(const sigset_t& signals);
  SignalDescriptor(const SignalDescriptor&) = delete;
  SignalDescriptor& operator=(const SignalDescriptor&) = delete;
  ~SignalDescriptor();

  // Those that ask a command to stop: SIGHUP, SIGINT, SIGQUIT, SIGTERM.
  static sigset_t interrupts();
  static sigset_t all();

  int descriptor() const { return fd_.get(); }
  // The next signal, if one is pending.
  std::optional<int> next();

 private:
  Fd fd_;
  sigset_t before_{};
};

}  // namespace litebox::runtime
