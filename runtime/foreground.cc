#include "runtime/foreground.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

namespace litebox::runtime {

Foreground::Foreground(std::optional<Fd> master) : signals_(SignalDescriptor::all()) {
  if (master) relay_.emplace(std::move(*master));
}

int Foreground::wait(int descriptor, const std::function<std::optional<int>(bool readable)>& ended,
                     const std::function<void(int)>& send) {
  bool readable = false;
  while (true) {
    if (const auto status = ended(readable)) {
      if (relay_) relay_->drain();
      return *status;
    }
    std::array<pollfd, 4> entries{{{descriptor, POLLIN, 0}, {signals_.descriptor(), POLLIN, 0}, {-1, 0, 0}, {-1, 0, 0}}};
    if (relay_) {
      const auto wanted = relay_->entries();
      std::copy(wanted.begin(), wanted.end(), entries.begin() + 2);
    }
    (void)poll(entries.data(), entries.size(), -1);
    while (const auto number = signals_.next()) forward(*number, send);
    if (relay_) relay_->serve(&entries[2]);
    readable = entries[0].revents != 0;
  }
}

void Foreground::forward(int number, const std::function<void(int)>& send) {
  if (number == SIGWINCH && relay_) relay_->copy_size();
  if (number != SIGCHLD && number != SIGURG && number != SIGWINCH) send(number);
}

}  // namespace litebox::runtime
