// Serves control.sock (control_protocol.h) and waits for the ends of init, of exec'd processes and of the keeper: the main
// thread of the monitor.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/kernel/world.h"
#include "shim/monitor/launcher.h"

namespace litebox::monitor {

class ControlServer {
 public:
  ControlServer(kernel::World& world, Launcher& launcher, NotificationLoop& loop, ExecService& execs, Tracer& tracer);

  // Binds the socket (0600) at `path`.
  Status listen(const std::string& path);

  // To be called, from any thread, when init's program has been executed for certain.
  void init_executed();

  // Serves until init has ended and returns its wait status. The keeper's end ends init, and so does the end of the process
  // that is pid 1 when that is another container's (-1 when it is not).
  int serve(Launched init, int keeper_pidfd, int first_pidfd);

 private:
  struct Message;
  struct Connection {
    Fd socket;
    bool waits_for_start = false;
    bool waits_for_pause = false;
    std::shared_ptr<Message> deferred;  // an exec that waits for the end of a pause
  };
  // A process made by exec, with the connection that made it.
  struct Executed {
    Launched launched;
    int connection = -1;    // the socket's number; -1 when it has gone
    bool detached = false;  // ends with its connection
  };

  void accept_connection();
  // False when the connection is to be closed.
  bool serve_message(Connection& connection);
  std::string handle(Connection& connection, const std::shared_ptr<Message>& message);
  std::string handle_pause(Connection& connection);
  std::string handle_resume();
  std::string handle_exec(Connection& connection, const Message& message);
  std::string handle_kill(const Message& message);
  void reap_executed();
  // The wait status of a child of this process that has ended.
  std::optional<int> reap(const Launched& child);
  void answer_starters();
  void answer_pausers();
  void take_pause_back();
  void serve_deferred();
  void end_paused();

  kernel::World& world_;
  Launcher& launcher_;
  NotificationLoop& loop_;
  ExecService& execs_;
  Tracer& tracer_;
  Fd socket_;
  Fd wake_;    // eventfd: init_executed
  Fd paused_;  // eventfd: pause_outcome_ is there
  std::vector<Connection> connections_;
  std::vector<Executed> executed_;
  std::optional<Launched> init_;
  bool started_ = false;  // init has been let go
  bool running_ = false;  // init's program has been executed
  enum class Pause { none, asked_for, complete } pause_ = Pause::none;
  std::mutex pause_mutex_;
  std::optional<Status> pause_outcome_;
};

}  // namespace litebox::monitor
