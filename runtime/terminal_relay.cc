#include "runtime/terminal_relay.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace litebox::runtime {
namespace {

constexpr size_t kChunk = 16384;

}  // namespace

TerminalRelay::TerminalRelay(Fd master) : master_(std::move(master)) {
  (void)fcntl(master_.get(), F_SETFL, fcntl(master_.get(), F_GETFL) | O_NONBLOCK);
  copy_size();
}

std::array<pollfd, 2> TerminalRelay::entries() const {
  const bool read_more = input_open_ && pending_.size() < kChunk;
  const short master_events = static_cast<short>(POLLIN | (pending_.empty() ? 0 : POLLOUT));
  return {{{read_more ? STDIN_FILENO : -1, POLLIN, 0}, {master_.get(), master_events, 0}}};
}

void TerminalRelay::serve(const pollfd* outcome) {
  if (outcome[0].revents != 0) {
    std::array<char, kChunk> buffer{};
    const ssize_t length = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length > 0) pending_.append(buffer.data(), static_cast<size_t>(length));
    if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN)) input_open_ = false;
  }
  if (!pending_.empty()) write_input();
  if (master_ && (outcome[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) (void)copy_output();
}

void TerminalRelay::write_input() {
  const ssize_t written = write(master_.get(), pending_.data(), pending_.size());
  if (written > 0) pending_.erase(0, static_cast<size_t>(written));
  if (written < 0 && errno != EAGAIN && errno != EINTR) {
    pending_.clear();
    input_open_ = false;
  }
}

// False when there is nothing more for now, or for ever.
bool TerminalRelay::copy_output() {
  std::array<char, kChunk> buffer{};
  const ssize_t length = read(master_.get(), buffer.data(), buffer.size());
  if (length < 0 && errno == EINTR) return true;
  if (length < 0 && errno == EAGAIN) return false;
  if (length <= 0) {
    master_.reset();  // EIO: the last one who had the slave open has closed it
    pending_.clear();
    input_open_ = false;
    return false;
  }
  for (ssize_t done = 0; done < length;) {
    const ssize_t written = write(STDOUT_FILENO, buffer.data() + done, static_cast<size_t>(length - done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;  // nobody looks any more; the container may go on
    done += written;
  }
  return true;
}

void TerminalRelay::copy_size() {
  winsize size{};
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) (void)ioctl(master_.get(), TIOCSWINSZ, &size);
}

void TerminalRelay::drain() {
  while (master_ && copy_output()) continue;
}

}  // namespace litebox::runtime
