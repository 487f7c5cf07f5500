#include "runtime/containerd/operation.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <exception>

#include "base/unix_socket.h"
#include "runtime/keeper_process.h"
#include "runtime/signals.h"
#include "wire/shim.pb.h"

namespace litebox::containerd {
namespace {

constexpr size_t kDescriptorsLimit = 16;

Status send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t length = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return last_error("send");
    bytes.remove_prefix(static_cast<size_t>(length));
  }
  return {};
}

[[noreturn]] void run_child(const Operations::Work& work, const Fd& channel) {
  runtime::reset_signals();
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    (void)dup2(null.get(), STDIN_FILENO);
    (void)dup2(null.get(), STDOUT_FILENO);
  }
  runtime::close_all_but({channel.get()});
  Outcome outcome;
  try {
    outcome = work();
  } catch (const std::exception& failure) {
    outcome = Outcome::failed(Code::internal, failure.what());
  }
  wire::OperationOutcome message;
  message.set_code(static_cast<int>(outcome.failure.code));
  message.set_message(outcome.failure.message);
  message.set_payload(outcome.payload);
  const std::string bytes = message.SerializeAsString();
  std::vector<int> descriptors;
  for (const Fd& fd : outcome.descriptors) descriptors.push_back(fd.get());
  // A byte goes first, so that there is one for the descriptors even when all else is at its default.
  bool sent = send_message(channel.get(), "=", descriptors).ok();
  sent = sent && send_all(channel.get(), bytes).ok();
  _exit(sent ? 0 : 1);
}

// One recvmsg(2): bytes and descriptors are appended; false at the end.
bool receive_part(int socket, std::string& bytes, std::vector<Fd>& descriptors) {
  std::array<char, 16384> buffer;  // recvmsg() fills it
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsLimit * sizeof(int))> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  bytes.append(buffer.data(), static_cast<size_t>(length));
  return length > 0;
}

}  // namespace

Operations::~Operations() {
  for (auto& [number, running] : running_) loop_.forget(running.channel.get());
}

uint64_t Operations::start(const Work& work, Completion completion) {
  const uint64_t number = ++numbers_;
  Running running;
  running.completion = std::move(completion);
  std::array<int, 2> ends{};
  const bool connected = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0;
  const pid_t pid = connected ? fork() : -1;
  if (pid == 0) {
    (void)close(ends[0]);
    run_child(work, Fd(ends[1]));
  }
  if (connected) {
    running.channel = Fd(ends[0]);
    (void)close(ends[1]);
  }
  if (pid < 0) {
    // The completion never comes before start() has returned.
    const std::string text = last_error("fork").message();
    loop_.after(std::chrono::milliseconds(0),
                [completion = std::move(running.completion), text] { completion(Outcome::failed(Code::internal, text)); });
    return number;
  }
  running.pid = pid;
  children_[pid] = number;
  const int channel = running.channel.get();
  running_.emplace(number, std::move(running));
  (void)loop_.watch(channel, EPOLLIN, [this, number](uint32_t /*events*/) { receive(number); });
  return number;
}

void Operations::kill(uint64_t number) {
  const auto found = running_.find(number);
  if (found != running_.end() && children_.contains(found->second.pid)) (void)::kill(found->second.pid, SIGKILL);
}

bool Operations::reaped(pid_t pid) { return children_.erase(pid) != 0; }

void Operations::receive(uint64_t number) {
  const auto found = running_.find(number);
  if (found == running_.end()) return;
  Running& running = found->second;
  // The end comes when the child has ended, or nothing but its last words are left.
  if (!receive_part(running.channel.get(), running.bytes, running.descriptors)) finish(number);
}

void Operations::finish(uint64_t number) {
  Running running = std::move(running_.at(number));
  running_.erase(number);
  loop_.forget(running.channel.get());
  wire::OperationOutcome message;
  Outcome outcome;
  if (running.bytes.empty() || !message.ParseFromArray(running.bytes.data() + 1, static_cast<int>(running.bytes.size() - 1))) {
    outcome = Outcome::failed(Code::internal, "the operation was killed");
    outcome.died = true;
  } else {
    outcome.failure = {static_cast<Code>(message.code()), message.message()};
    outcome.payload = std::move(*message.mutable_payload());
    outcome.descriptors = std::move(running.descriptors);
  }
  running.completion(std::move(outcome));
}

}  // namespace litebox::containerd
