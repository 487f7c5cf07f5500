// Signals that are queued one by one, with numbers that show whether each arrived once and in order.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

namespace queued_signals {

inline volatile sig_atomic_t last_value = 0;
inline volatile sig_atomic_t disorder = 0;

inline int number() { return SIGRTMIN + 3; }

inline void in_order(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (info->si_value.sival_int != last_value + 1) disorder = disorder + 1;
  last_value = info->si_value.sival_int;
}

// Counts from now on, and lets what was interrupted go on.
inline void expect() {
  struct sigaction action = {};
  action.sa_sigaction = in_order;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(number(), &action, nullptr);
}

// Sends 1 to `count`, as fast as the receiver's queue takes them.
inline void send(pid_t receiver, int count) {
  for (int i = 1; i <= count; ++i) {
    const union sigval value = {i};
    while (sigqueue(receiver, number(), value) != 0) usleep(100);
  }
}

// Waits for `count` to have arrived, up to a number of milliseconds.
inline void await(int count, int milliseconds) {
  for (int i = 0; i < milliseconds && last_value != count; ++i) usleep(1000);
}

}  // namespace queued_signals
