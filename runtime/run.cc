#include "runtime/run.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "runtime/operations.h"
#include "runtime/signals.h"
#include "runtime/terminal_relay.h"
#include "runtime/wait_status.h"

namespace litebox::runtime {
namespace {

class Foreground {
 public:
  explicit Foreground(CreatedContainer& container) : keeper_(container.record.keeper.pid), signals_(SignalDescriptor::all()) {
    if (container.console) relay_.emplace(std::move(container.console->master));
  }

  // Until the keeper, a child of this process, has ended; its wait status.
  int wait() {
    while (true) {
      std::array<pollfd, 3> entries{{{signals_.descriptor(), POLLIN, 0}, {-1, 0, 0}, {-1, 0, 0}}};
      if (relay_) {
        const auto wanted = relay_->entries();
        std::copy(wanted.begin(), wanted.end(), entries.begin() + 1);
      }
      if (const auto status = ended()) return *status;
      (void)poll(entries.data(), entries.size(), -1);
      while (const auto number = signals_.next()) forward(*number);
      if (relay_) relay_->serve(&entries[1]);
    }
  }

  // What the container has left on its terminal.
  void drain() {
    if (relay_) relay_->drain();
  }

 private:
  std::optional<int> ended() const {
    int status = 0;
    if (waitpid(keeper_, &status, WNOHANG) == keeper_) return status;
    return std::nullopt;
  }

  void forward(int number) {
    if (number == SIGCHLD || number == SIGURG) return;
    if (number == SIGWINCH) {
      if (relay_) relay_->copy_size();
      return;
    }
    (void)kill(keeper_, number);  // cannot be another's pid: it is this process's own child, not yet waited for
  }

  pid_t keeper_;
  SignalDescriptor signals_;  // before the relay: from its raw mode on, no signal may end this process
  std::optional<TerminalRelay> relay_;
};

}  // namespace

Result<int> run_in_foreground(const std::string& root, CreatedContainer& container) {
  Foreground foreground(container);
  LITEBOX_TRY(start_container(root, container.record.id, false));
  const int status = foreground.wait();
  foreground.drain();
  return exit_code_of(status);
}

}  // namespace litebox::runtime
