#include "runtime/exec_keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/unix_socket.h"
#include "runtime/keeper_process.h"
#include "runtime/signals.h"
#include "runtime/wait_status.h"

namespace litebox::runtime {
namespace {

constexpr size_t kMessageLimit = 64U << 10U;
constexpr const char* kRunning = "running ";  // keeper: "running <pid>"; anything else is an error text
constexpr const char* kCommit = "commit";     // command

// Until the process has ended; its wait status.
int watch(ExecConnection& connection, Fd channel, SignalDescriptor& signals) {
  while (true) {
    std::array<pollfd, 3> entries{
        {{connection.descriptor(), POLLIN, 0}, {signals.descriptor(), POLLIN, 0}, {channel.get(), POLLIN, 0}}};
    (void)poll(entries.data(), entries.size(), -1);
    while (const auto number = signals.next()) {
      if (*number != SIGCHLD) connection.signal(*number);
    }
    if (entries[2].revents != 0) {
      const auto message = receive_message(channel.get(), kMessageLimit);
      channel.reset();
      if (!message.ok() || message->text != kCommit) connection.signal(SIGKILL);
    }
    if (entries[0].revents != 0) return connection.take_status();
  }
}

[[noreturn]] void run_exec_keeper(const std::string& state_directory, const ExecOrder& order, Fd channel) {
  (void)setsid();
  (void)prctl(PR_SET_NAME, "litebox-keeper", 0, 0, 0);
  reset_signals();
  SignalDescriptor signals(SignalDescriptor::all());
  auto connection = ExecConnection::begin(state_directory, order, true);
  if (!connection.ok()) {
    (void)send_message(channel.get(), connection.error().message());
    _exit(1);
  }
  release_standard_io();
  close_all_but({connection->descriptor(), signals.descriptor(), channel.get()});
  (void)send_message(channel.get(), kRunning + std::to_string(connection->pid()));
  end_with(watch(*connection, std::move(channel), signals));
}

}  // namespace

Result<ExecKeeper> ExecKeeper::spawn(const std::string& state_directory, const ExecOrder& order) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return last_error("socketpair");
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return last_error("fork the exec keeper");
  if (pid == 0) run_exec_keeper(state_directory, order, std::move(theirs));
  theirs.reset();
  ExecKeeper keeper(pid, std::move(ours));
  const auto message = receive_message(keeper.channel_.get(), kMessageLimit);
  if (message.ok() && message->text.rfind(kRunning, 0) == 0) {
    keeper.process_ = std::stoi(message->text.substr(std::strlen(kRunning)));
    return keeper;
  }
  (void)waitpid(pid, nullptr, 0);
  return Error(message.ok() && !message->text.empty() ? message->text : "the exec keeper has died");
}

Status ExecKeeper::commit() {
  Status sent = send_message(channel_.get(), kCommit);
  // The process was quick, and its keeper has ended as it did.
  if (!sent.ok() && sent.error().number() == EPIPE) return {};
  return sent;
}

}  // namespace litebox::runtime
