// The Task service: every method of containerd.task.v2.Task and containerd.task.v3.Task, which differ in their names only.
//
// One thread, which never waits: what takes time is done by a child (operation.h), and the answer follows.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "runtime/containerd/event_loop.h"
#include "runtime/containerd/operation.h"
#include "runtime/containerd/publisher.h"
#include "runtime/containerd/server.h"
#include "runtime/containerd/task.h"
#include "runtime/keeper.h"

namespace litebox::containerd {

namespace wire {
class Started;
}

// A file in the bundle that names the directory of the container's state directory.
constexpr const char* kRootNote = "litebox-root";

class Service {
 public:
  struct Setup {
    std::string namespace_name;
    runtime::MonitorMain monitor_main;
    std::function<void()> shut_down;  // called when nothing is left, and a client asks for it or nobody makes anything
  };

  Service(EventLoop& loop, Publisher& publisher, Setup setup);

  void handle(const Call& call);
  // To be called on SIGCHLD.
  void reap();

 private:
  using ContainerPtr = std::shared_ptr<Container>;
  using Method = void (Service::*)(const Call& call);

  struct Owner {
    std::weak_ptr<Container> container;
    std::string exec_id;
  };

  void state(const Call& call);
  void create(const Call& call);
  void start(const Call& call);
  void remove(const Call& call);  // Delete
  void pids(const Call& call);
  void pause(const Call& call);
  void resume(const Call& call);
  void checkpoint(const Call& call);
  void kill(const Call& call);
  void exec(const Call& call);
  void resize(const Call& call);
  void close_io(const Call& call);
  void update(const Call& call);
  void wait(const Call& call);
  void stats(const Call& call);
  void connect(const Call& call);
  void shut_down(const Call& call);

  // Answers NotFound and returns null when there is none.
  ContainerPtr find_container(const Call& call, const std::string& id);
  static bool is_paused(const Container& container);
  TaskProcess* find_process(const Call& call, Container& container, const std::string& exec_id);

  // Runs `work` in a child, within the time that the caller gives; `undo` says whether the child is killed when that has
  // passed. `done` is called in any case.
  void run(const Call& call, const Operations::Work& work, Operations::Completion done, bool undo = false);

  void start_init(const Call& call, const ContainerPtr& container);
  void start_exec(const Call& call, const ContainerPtr& container, TaskProcess& process);
  void finish_start(const Call& call, const ContainerPtr& container, TaskProcess& process, const Outcome& outcome);
  void finish_resizes(TaskProcess& process);
  void adopt_streams(TaskProcess& process, Outcome& outcome, const wire::Started& started);
  void remove_exec(const Call& call, const ContainerPtr& container, TaskProcess& process);
  void remove_init(const Call& call, const ContainerPtr& container);
  // Calls `then` when the terminal of a process that has ended is drained, or after `patience`.
  void after_output(const ContainerPtr& container, const std::string& exec_id, std::chrono::milliseconds patience,
                    std::function<void()> then);

  void own(const ContainerPtr& container, TaskProcess& process, pid_t pid);
  void process_ended(const ContainerPtr& container, TaskProcess& process, ProcessExit exit);
  void publish_exit(const ContainerPtr& container, TaskProcess& process);
  // Publishes the exit of an init that has ended, if it was the last process.
  void publish_last_exit(const ContainerPtr& container);
  void end_logger(pid_t logger);
  // Whatever is known to run in a container that has been deleted has ended with it.
  void end_processes(const ContainerPtr& container);
  bool is_deleted(const ContainerPtr& container) const;
  // To be called whenever there is no container: there must be one soon.
  void end_unless_used();

  EventLoop& loop_;
  Publisher& publisher_;
  Setup setup_;
  Operations operations_;
  std::map<std::string, ContainerPtr> containers_;
  std::set<std::string> being_created_;
  std::map<pid_t, Owner> owners_;
  std::map<pid_t, ProcessExit> unclaimed_;  // ended before the operation that made them has told their pids
  bool completing_ = false;                 // an operation has ended, and what it has made is about to be known
  std::set<pid_t> loggers_;
  std::optional<EventLoop::TimerKey> unused_;
};

}  // namespace litebox::containerd
