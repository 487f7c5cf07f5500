#include "runtime/raw_terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/keeper_process.h"

namespace litebox::runtime {
namespace {

// Output too is as the container's terminal has made it.
termios raw_mode(termios mode) {
  cfmakeraw(&mode);
  return mode;
}

bool same_mode(const termios& one, const termios& other) {
  return one.c_iflag == other.c_iflag && one.c_oflag == other.c_oflag && one.c_cflag == other.c_cflag &&
         one.c_lflag == other.c_lflag && std::memcmp(one.c_cc, other.c_cc, sizeof one.c_cc) == 0;
}

}  // namespace

RawTerminal::RawTerminal() {
  if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
  start_guardian();
  const termios raw = raw_mode(before_);
  active_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (active_) (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  if (guardian_pid_ < 0) return;
  (void)write(guardian_.get(), "d", 1);  // done
  guardian_.reset();
  while (waitpid(guardian_pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void RawTerminal::start_guardian() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const Fd parent(ends[0]);
  guardian_ = Fd(ends[1]);
  guardian_pid_ = fork();
  if (guardian_pid_ == 0) {
    guardian_.reset();
    guard(parent.get());
  }
}

// In a session of its own neither the terminal's keys nor its background checks concern it.
void RawTerminal::guard(int parent) const {
  (void)setsid();
  (void)prctl(PR_SET_NAME, "litebox-terminal", 0, 0, 0);
  sigset_t all;
  sigfillset(&all);
  (void)sigprocmask(SIG_BLOCK, &all, nullptr);
  close_all_but({STDIN_FILENO, parent});
  char byte = 0;
  ssize_t length = 0;
  while ((length = read(parent, &byte, 1)) < 0 && errno == EINTR) continue;
  termios now{};
  // Whoever has set another mode since, as a shell does for its line, knows better.
  if (length == 0 && tcgetattr(STDIN_FILENO, &now) == 0 && same_mode(now, raw_mode(before_))) {
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  _exit(0);
}

}  // namespace litebox::runtime
