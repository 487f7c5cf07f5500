#include "runtime/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace litebox::runtime {

void reset_signals() {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; ++number) (void)sigaction(number, &plain, nullptr);
  unblock_signals();
}

void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
}

SignalDescriptor::SignalDescriptor(const sigset_t& signals) : fd_(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) {
  (void)sigprocmask(SIG_BLOCK, &signals, &before_);
}

SignalDescriptor::~SignalDescriptor() { (void)sigprocmask(SIG_SETMASK, &before_, nullptr); }

sigset_t SignalDescriptor::interrupts() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) sigaddset(&set, number);
  return set;
}

sigset_t SignalDescriptor::all() {
  sigset_t set;
  sigfillset(&set);
  return set;
}

std::optional<int> SignalDescriptor::next() {
  signalfd_siginfo information{};
  if (read(fd_.get(), &information, sizeof information) != static_cast<ssize_t>(sizeof information)) return std::nullopt;
  return static_cast<int>(information.ssi_signo);
}

}  // namespace litebox::runtime
