#include "runtime/containerd/terminal_copy.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace litebox::containerd {
namespace {

constexpr size_t kPieceLimit = 4096;  // bytes held for a side that is slow

void set_nonblocking(const Fd& fd) {
  if (!fd) return;
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags >= 0) (void)fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
}

// Appends what can be read at once; false at the end, whether by an error or not.
bool read_some(int fd, std::string& out) {
  std::array<char, kPieceLimit> buffer;  // read() fills it
  const ssize_t length = read(fd, buffer.data(), buffer.size());
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  out.append(buffer.data(), static_cast<size_t>(length));
  return length > 0;
}

// Writes what can be written at once; false when there is nobody to take it.
bool write_some(int fd, std::string& text) {
  while (!text.empty()) {
    const ssize_t length = write(fd, text.data(), text.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno == EAGAIN;
    text.erase(0, static_cast<size_t>(length));
  }
  return true;
}

}  // namespace

TerminalCopy::TerminalCopy(EventLoop& loop, Fd master, Fd input, Fd output)
    : loop_(loop), master_(std::move(master)), input_(std::move(input)), output_(std::move(output)) {
  for (const Fd* fd : {&master_, &input_, &output_}) set_nonblocking(*fd);
  if (input_) (void)loop_.watch(input_.get(), 0, [this](uint32_t /*events*/) { read_input(); });
  // A plain file cannot be watched, and need not.
  if (output_) (void)loop_.watch(output_.get(), 0, [this](uint32_t /*events*/) { write_output(); });
  update();
}

TerminalCopy::~TerminalCopy() {
  for (const Fd* fd : {&master_, &input_, &output_}) {
    if (*fd) loop_.forget(fd->get());
  }
}

Status TerminalCopy::resize(uint32_t columns, uint32_t rows) {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  if (!master_) return Error(EBADF, "resize");
  if (ioctl(master_.get(), TIOCSWINSZ, &size) != 0) return last_error("resize");
  return {};
}

// Each side is read only while the other has taken everything: who is slow slows the other down, and nothing piles up.
void TerminalCopy::update() {
  if (finished_) return;
  if (master_ended_ && printed_.empty()) return finish();
  const auto want = [&](const Fd& fd, uint32_t& before, uint32_t events) {
    if (fd && events != before) loop_.change(fd.get(), events);
    before = events;
  };
  want(input_, input_events_, typed_.empty() ? uint32_t{EPOLLIN} : 0);
  want(output_, output_events_, printed_.empty() ? 0 : uint32_t{EPOLLOUT});
  watch_master();
}

void TerminalCopy::watch_master() {
  // A hang-up is reported whether it is wanted or not, so a terminal that is not to be read now is not watched at all.
  const bool wanted = !master_ended_ && printed_.empty();
  if (wanted != master_watched_) {
    if (wanted) {
      (void)loop_.watch(master_.get(), 0, [this](uint32_t events) { handle_master(events); });
    } else {
      loop_.forget(master_.get());
    }
    master_watched_ = wanted;
  }
  if (wanted) loop_.change(master_.get(), typed_.empty() ? uint32_t{EPOLLIN} : uint32_t{EPOLLIN} | EPOLLOUT);
}

void TerminalCopy::handle_master(uint32_t events) {
  if ((events & EPOLLOUT) != 0) write_master();
  if (!finished_ && (events & (EPOLLIN | EPOLLHUP)) != 0) read_master();
}

void TerminalCopy::read_input() {
  if (!read_some(input_.get(), typed_)) {
    loop_.forget(input_.get());
    input_.reset();
  }
  write_master();
}

void TerminalCopy::write_master() {
  if (!write_some(master_.get(), typed_)) typed_.clear();
  update();
}

void TerminalCopy::read_master() {
  // EIO: nobody has the terminal open any more.
  if (!read_some(master_.get(), printed_)) master_ended_ = true;
  write_output();
}

void TerminalCopy::write_output() {
  if (!output_ || !write_some(output_.get(), printed_)) printed_.clear();
  update();
}

void TerminalCopy::finish() {
  finished_ = true;
  for (Fd* fd : {&master_, &input_, &output_}) {
    if (*fd) loop_.forget(fd->get());
    fd->reset();
  }
  if (done_) std::exchange(done_, nullptr)();
}

void TerminalCopy::when_finished(std::function<void()> done) {
  done_ = std::move(done);
  if (finished_) std::exchange(done_, nullptr)();
}

}  // namespace litebox::containerd
