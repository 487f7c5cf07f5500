#include "tests/fuzz/answering_monitor.h"

#include <sys/socket.h>

#include "base/unix_socket.h"
#include "shim/monitor/control_protocol.h"
#include "tests/fuzz/input.h"

namespace litebox::fuzz {

AnsweringMonitor::AnsweringMonitor(const std::string& directory) {
  auto listener = listen_unix(directory, monitor::kControlSocketName, SOCK_SEQPACKET);
  require(listener.ok());
  listener_ = std::move(listener).value();
  thread_ = std::thread([this] { serve(); });
}

AnsweringMonitor::~AnsweringMonitor() {
  (void)shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

void AnsweringMonitor::answer_with(std::string_view bytes) {
  const std::lock_guard<std::mutex> guard(mutex_);
  answer_ = bytes;
}

void AnsweringMonitor::serve() const {
  while (true) {
    const Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) return;
    if (!receive_message(connection.get(), monitor::kControlMessageLimit).ok()) continue;
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!answer_.empty()) (void)send_message(connection.get(), answer_);
  }
}

}  // namespace litebox::fuzz
