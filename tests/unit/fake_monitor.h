// A monitor for tests of the runtime: init is a child that waits, and the control protocol is answered without any guest.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/unix_socket.h"
#include "shim/monitor/container.h"
#include "shim/monitor/control_protocol.h"

namespace litebox::test {

// Serves until init has ended, then reports its wait status. `init` runs in the child.
class FakeMonitor {
 public:
  FakeMonitor(monitor::ContainerSetup setup, std::function<void()> init)
      : setup_(std::move(setup)), init_main_(std::move(init)) {}

  int run() {
    auto listener = listen_unix(setup_.state_directory, monitor::kControlSocketName, SOCK_SEQPACKET);
    if (!listener.ok()) {
      say("cannot listen: " + listener.error().message() + "\n");
      return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    init_ = fork();
    if (init_ == 0) {
      (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
      for (Fd& fd : setup_.standard_io) fd.reset();
      init_main_();
      _exit(0);
    }
    const rlimit tag{(uint64_t{0x1234} << 32U) | 1U, RLIM_INFINITY};
    (void)prlimit(init_, RLIMIT_LOCKS, &tag, nullptr);
    for (Fd& fd : setup_.standard_io) fd.reset();
    say(monitor::kCreated + std::to_string(init_) + "\n");
    while (!serve(listener->get())) continue;
    int status = init_status_;
    (void)!write(setup_.exit_status.get(), &status, sizeof status);
    return 0;
  }

 private:
  void say(const std::string& text) {
    (void)!write(setup_.ready.get(), text.data(), text.size());
    setup_.ready.reset();
  }

  // True when init has ended.
  bool serve(int listener) {
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      if (pid == init_) {
        init_status_ = status;
        return true;
      }
      if (const auto made = executed_.find(pid); made != executed_.end()) {
        (void)send_message(made->second.get(), nlohmann::json{{"exited", status}}.dump());
        executed_.erase(made);
      }
    }
    pollfd entry{listener, POLLIN, 0};
    if (poll(&entry, 1, 2) == 1) connections_.emplace_back(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    for (size_t i = connections_.size(); i-- > 0;) {
      pollfd readable{connections_[i].get(), POLLIN, 0};
      if (poll(&readable, 1, 0) == 1 && !answer(connections_[i])) {
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    return false;
  }

  // False when the connection has ended, or is one of an executed process from now on.
  bool answer(Fd& connection) {
    const auto message = receive_message(connection.get(), monitor::kControlMessageLimit);
    if (!message.ok() || message->text.empty()) return false;
    const auto request = nlohmann::json::parse(message->text, nullptr, false);
    const std::string operation = request.value("op", "");
    nlohmann::json said = {{"ok", true}};
    if (operation == "status") said.update({{"status", started_ ? "running" : "created"}, {"pid", init_}});
    if (operation == "start") started_ = true;
    if (operation == "members") said["pids"] = {init_};
    if (operation == "kill") (void)kill(init_, request.value("signal", 0));
    if (operation == "signal") (void)kill(request.value("pid", 0), request.value("signal", 0));
    pid_t made = 0;
    if (operation == "exec") {
      const auto args = request["process"]["args"].get<std::vector<std::string>>();
      if (args.at(0) == "missing") {
        said = {{"ok", false}, {"error", "exec: \"missing\": executable file not found in $PATH"}};
      } else {
        made = fork();
        if (made == 0) {
          for (int i = 0; i < 3; ++i) (void)dup2(message->descriptors.at(static_cast<size_t>(i)).get(), i);
          (void)execl("/bin/sh", "sh", "-c", args.at(0).c_str(), nullptr);
          _exit(127);
        }
        said["pid"] = made;
      }
    }
    (void)send_message(connection.get(), said.dump());
    if (made > 0) executed_.emplace(made, std::move(connection));
    return made == 0;
  }

  monitor::ContainerSetup setup_;
  std::function<void()> init_main_;
  pid_t init_ = 0;
  int init_status_ = 0;
  bool started_ = false;
  std::vector<Fd> connections_;
  std::map<pid_t, Fd> executed_;
};

inline std::function<int(monitor::ContainerSetup)> fake_monitor(std::function<void()> init) {
  return [init = std::move(init)](monitor::ContainerSetup setup) { return FakeMonitor(std::move(setup), init).run(); };
}

}  // namespace litebox::test
