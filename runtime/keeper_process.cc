#include "runtime/keeper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/program_pages.h"
#include "base/unix_socket.h"
#include "runtime/cgroups.h"
#include "runtime/control_client.h"
#include "runtime/signals.h"
#include "runtime/wait_status.h"
#include "shim/monitor/control_protocol.h"

namespace litebox::runtime {
namespace {

constexpr size_t kMessageLimit = 4096;
constexpr int kMonitorEndPatience = 10000;  // milliseconds from init's end to the monitor's own

// --- the monitor's side

// Waits for the byte that lets the monitor begin; false when the command has ended instead.
bool wait_for_gate(const Fd& gate) {
  char byte = 0;
  ssize_t length = 0;
  do {
    length = read(gate.get(), &byte, 1);
  } while (length < 0 && errno == EINTR);
  return length == 1;
}

[[noreturn]] void run_monitor(KeeperSetup& setup, const MonitorMain& monitor_main, Fd gate, pid_t keeper) {
  // A session of its own: whoever kills the keeper's process group (conmon does) must leave the monitor to clean up.
  (void)setsid();
  (void)prctl(PR_SET_NAME, "litebox-monitor", 0, 0, 0);
  unblock_signals();  // what they do is the default already, as it is in the keeper
  for (int i = 0; i < 3; ++i) {
    if (!setup.container.standard_io[i]) setup.container.standard_io[i] = Fd(fcntl(i, F_DUPFD_CLOEXEC, 3));
  }
  // Without a log file, traces go to the standard error of who asked for them.
  const bool keep_error = setup.container.debug && log::descriptor() == STDERR_FILENO;
  const Fd error(keep_error ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) : -1);
  release_standard_io();
  if (error) (void)dup2(error.get(), STDERR_FILENO);
  const monitor::ContainerSetup& container = setup.container;
  std::vector<int> kept{gate.get(), container.ready.get(), container.exit_status.get(), container.terminal.get(),
                        log::descriptor()};
  for (const Fd& fd : container.standard_io) kept.push_back(fd.get());
  for (const Fd& fd : container.preserved) kept.push_back(fd.get());
  close_all_but(std::move(kept));  // the lock of the state directory above all
  if (const Status entered = enter_cgroups(setup.monitor_cgroups); !entered.ok()) {
    const std::string text = entered.error().message() + "\n";
    (void)!write(container.ready.get(), text.data(), text.size());
    _exit(1);
  }
  if (!wait_for_gate(gate) || getppid() != keeper) _exit(1);
  gate.reset();
  _exit(monitor_main(std::move(setup.container)));
}

// --- the keeper's side

class KeeperLoop {
 public:
  KeeperLoop(std::string state_directory, Fd channel, Fd exit_status, pid_t monitor, SignalDescriptor& signals)
      : state_directory_(std::move(state_directory)),
        channel_(std::move(channel)),
        exit_status_(std::move(exit_status)),
        monitor_(monitor),
        signals_(signals) {}

  // Until the container has ended; its wait status.
  int run() {
    while (!monitor_ended_) {
      std::array<pollfd, 3> entries{
          {{signals_.descriptor(), POLLIN, 0}, {channel_.get(), POLLIN, 0}, {exit_status_.get(), POLLIN, 0}}};
      const int ready = poll(entries.data(), entries.size(), status_ ? kMonitorEndPatience : -1);
      if (ready == 0) break;
      if (entries[0].revents != 0) take_signals();
      if (entries[1].revents != 0) take_message();
      if (entries[2].revents != 0) take_status();
    }
    take_status();
    kill_descendants();
    // Nothing is left: destroy.cc looks no further.
    (void)unlink((state_directory_ + "/" + monitor::kControlSocketName).c_str());
    // No status: the monitor was killed, and its guests with it.
    return status_.value_or(SIGKILL);
  }

 private:
  void take_signals() {
    while (const auto number = signals_.next()) {
      if (*number == SIGCHLD) {
        reap();
      } else {
        forward(*number);
      }
    }
  }

  void reap() {
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      if (pid == monitor_) monitor_ended_ = true;
    }
  }

  // Does not wait for the answer: whatever the monitor makes of the signal, there is nobody to tell.
  void forward(int number) {
    auto client = ControlClient::connect(state_directory_);
    if (client.ok()) (void)client->post({{"op", "kill"}, {"signal", number}, {"all", false}});
  }

  void take_message() {
    auto message = receive_message(channel_.get(), kMessageLimit);
    const std::string text = message.ok() ? message->text : "";
    // Anything but a commitment is the end of the command that wanted the container.
    channel_.reset();
    if (text == keeper_channel::kCommit) return release_program_pages();  // nothing happens from here to the end
    kill_descendants();
    monitor_ended_ = true;
  }

  void take_status() {
    if (!exit_status_) return;
    int status = 0;
    // Not blocking: when the monitor was killed, guests that it had just forked may still hold the other end.
    const ssize_t length = read(exit_status_.get(), &status, sizeof status);
    if (length == static_cast<ssize_t>(sizeof status)) status_ = status;
    if (length >= 0) exit_status_.reset();
  }

  std::string state_directory_;
  Fd channel_;
  Fd exit_status_;
  pid_t monitor_;
  SignalDescriptor& signals_;
  std::optional<int> status_;
  bool monitor_ended_ = false;
};

}  // namespace

void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned first = 3;
  for (const int fd : kept) {
    if (fd < static_cast<int>(first)) continue;
    if (static_cast<unsigned>(fd) > first) (void)close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  (void)close_range(first, ~0U, 0);
}

void release_standard_io() {
  const int null = open("/dev/null", O_RDWR);  // may itself be 0, 1 or 2
  for (int i = 0; i < 3; ++i) {
    if (null < 0) {
      (void)close(i);
    } else if (null != i) {
      (void)dup2(null, i);
    }
  }
  if (null > 2) (void)close(null);
}

void kill_descendants() {
  auto pause = std::chrono::microseconds(200);
  while (true) {
    int status = 0;
    pid_t pid = 0;
    bool reaped = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) reaped = true;
    // All that is left below comes up here in the end, as this process is their subreaper: no child means no descendant.
    if (pid < 0 && errno == ECHILD) return;
    for (const ProcessIdentity& process : descendants(getpid())) (void)signal_process(process, SIGKILL);
    std::this_thread::sleep_for(pause);
    pause = reaped ? std::chrono::microseconds(200) : std::min(pause * 2, std::chrono::microseconds(20000));
  }
}

void run_keeper(KeeperSetup& setup, const MonitorMain& monitor_main, KeeperDescriptors descriptors) {
  Fd channel = std::move(descriptors.channel);
  (void)setsid();
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  (void)prctl(PR_SET_NAME, "litebox-keeper", 0, 0, 0);
  reset_signals();
  SignalDescriptor signals(SignalDescriptor::all());
  const auto give_up = [&](const std::string& text) {
    (void)send_message(channel.get(), text);
    _exit(1);
  };
  if (const Status entered = enter_network(setup.network); !entered.ok()) give_up(entered.error().message());
  const Status applied = apply_network_settings(setup.network, setup.network_settings);
  if (!applied.ok()) give_up(applied.error().message());

  std::array<int, 2> exit_status{};
  if (pipe2(exit_status.data(), O_CLOEXEC) != 0) give_up(last_error("pipe").message());
  (void)fcntl(exit_status[0], F_SETFL, O_NONBLOCK);
  const pid_t keeper = getpid();
  const pid_t monitor = fork();
  if (monitor < 0) give_up(last_error("fork the monitor").message());
  if (monitor == 0) {
    (void)close(exit_status[0]);
    channel.reset();
    setup.container.ready = std::move(descriptors.ready);
    setup.container.exit_status = Fd(exit_status[1]);
    run_monitor(setup, monitor_main, std::move(descriptors.gate), keeper);
  }
  release_standard_io();
  // Without the monitor, for which a limit on processes might leave no room.
  if (const Status entered = enter_cgroups(setup.container.cgroups); !entered.ok()) give_up(entered.error().message());
  close_all_but({signals.descriptor(), channel.get(), exit_status[0]});
  (void)send_message(channel.get(), keeper_channel::kMonitor + std::to_string(monitor));
  KeeperLoop loop(setup.container.state_directory, std::move(channel), Fd(exit_status[0]), monitor, signals);
  end_with(loop.run());
}

}  // namespace litebox::runtime
