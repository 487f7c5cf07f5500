#include "runtime/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string_view>

#include "base/unix_socket.h"
#include "runtime/keeper_process.h"
#include "runtime/wait_status.h"

namespace litebox::runtime {
namespace {

constexpr size_t kMessageLimit = 64U << 10U;

}  // namespace

Result<Keeper> Keeper::spawn(KeeperSetup& setup, const MonitorMain& monitor_main) {
  std::array<int, 2> channel{};
  std::array<int, 2> gate{};
  std::array<int, 2> ready{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.data()) != 0) return last_error("socketpair");
  Keeper handle;
  handle.channel_ = Fd(channel[0]);
  Fd theirs(channel[1]);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate.data()) != 0) return last_error("socketpair");
  handle.gate_ = Fd(gate[0]);
  Fd their_gate(gate[1]);
  if (pipe2(ready.data(), O_CLOEXEC) != 0) return last_error("pipe");
  handle.ready_ = Fd(ready[0]);
  Fd ready_writer(ready[1]);

  const pid_t pid = fork();
  if (pid < 0) return last_error("fork the keeper");
  if (pid == 0) run_keeper(setup, monitor_main, {std::move(theirs), std::move(their_gate), std::move(ready_writer)});
  theirs.reset();
  their_gate.reset();
  ready_writer.reset();
  LITEBOX_ASSIGN(handle.keeper_, identify(pid));
  auto message = receive_message(handle.channel_.get(), kMessageLimit);
  if (!message.ok()) return std::move(message).error();
  if (message->text.rfind(keeper_channel::kMonitor, 0) != 0) {
    handle.abandon();
    return Error(message->text.empty() ? "the keeper has died" : message->text);
  }
  const pid_t monitor = std::stoi(message->text.substr(std::strlen(keeper_channel::kMonitor)));
  auto identity = identify(monitor);
  if (!identity.ok()) {
    handle.abandon();
    return Error("the monitor has died");
  }
  handle.monitor_ = *identity;
  return handle;
}

Status Keeper::release() {
  const Fd gate = std::move(gate_);
  return send_message(gate.get(), "x");
}

Status Keeper::commit() {
  ready_.reset();
  return send_message(channel_.get(), keeper_channel::kCommit);
}

Result<pid_t> Keeper::wait_until_ready(int interrupt) {
  std::string text;
  while (text.empty() || text.back() != '\n') {
    std::array<pollfd, 2> entries{{{ready_.get(), POLLIN, 0}, {interrupt, POLLIN, 0}}};
    if (poll(entries.data(), entries.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return last_error("poll");
    }
    if (entries[1].revents != 0) return Error(EINTR, "create");
    std::array<char, 4096> buffer{};
    const ssize_t length = read(ready_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(length));
  }
  if (text.starts_with(monitor::kCreated)) return std::stoi(text.substr(std::strlen(monitor::kCreated)));
  if (text.empty()) return Error("the monitor has died");
  if (text.back() == '\n') text.pop_back();
  return Error(text);
}

void Keeper::abandon() {
  gate_.reset();
  channel_.reset();
  int status = 0;
  while (waitpid(keeper_.pid, &status, 0) < 0 && errno == EINTR) continue;
}

}  // namespace litebox::runtime
