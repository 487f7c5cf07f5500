// How processes end: exits, Wait, Kill and Delete.
#include <signal.h>

#include <algorithm>
#include <utility>

#include "runtime/containerd/child_work.h"
#include "runtime/containerd/service.h"
#include "runtime/containerd/timestamp.h"
#include "runtime/operations.h"
#include "wire/events.pb.h"
#include "wire/task.pb.h"

namespace litebox::containerd {
namespace {

constexpr auto kExecsEndPatience = std::chrono::seconds(10);    // from init's end to that of every exec
constexpr auto kInitOutputPatience = std::chrono::seconds(10);  // from Delete to the end of a terminal's output
constexpr auto kExecOutputPatience = std::chrono::seconds(2);
constexpr auto kLoggerPatience = std::chrono::seconds(10);

// containerd's texts, which its clients look for.
Failure kill_failure(const Error& error) {
  const std::string message = error.message();
  const auto says = [&](const char* text) { return message.find(text) != std::string::npos; };
  if (says("container not running") || says("no such process") || says("process already finished")) {
    return {Code::not_found, "process already finished"};
  }
  if (says("does not exist")) return {Code::not_found, "no such container"};
  return {Code::unknown, "unknown error after kill: " + message};
}

wire::WaitResponse wait_response(const ProcessExit& exit) {
  wire::WaitResponse response;
  response.set_exit_status(exit.status);
  *response.mutable_exited_at() = exit.time;
  return response;
}

wire::DeleteResponse delete_response(const TaskProcess& process) {
  wire::DeleteResponse response;
  response.set_pid(static_cast<uint32_t>(process.pid));
  if (!process.exit) return response;
  response.set_exit_status(process.exit->status);
  *response.mutable_exited_at() = process.exit->time;
  return response;
}

// Of a process that will never have an exit.
void dismiss_waiters(TaskProcess& process) {
  for (const Responder& waiter : std::exchange(process.waiters, {})) {
    waiter.fail(Code::not_found, "process was deleted before it started");
  }
}

bool any_exec_runs(const Container& container) {
  for (const auto& [id, exec] : container.execs) {
    if (exec.phase == Phase::running || exec.phase == Phase::starting) return true;
  }
  return false;
}

}  // namespace

// An exit is published after the start, and init's after those of all others.
void Service::process_ended(const ContainerPtr& container, TaskProcess& process, ProcessExit exit) {
  process.unpublished = std::move(exit);
  if (process.phase == Phase::starting) return;
  if (!process.exec_id.empty()) {
    publish_exit(container, process);
    return publish_last_exit(container);
  }
  if (!any_exec_runs(*container)) return publish_exit(container, process);
  // They end as init has ended. One that does not is no reason to keep init's end from everybody.
  loop_.after(kExecsEndPatience, [this, held = std::weak_ptr<Container>(container)] {
    const ContainerPtr still = held.lock();
    if (!still || !still->init.unpublished) return;
    for (auto& [id, exec] : still->execs) {
      if (exec.phase == Phase::running) (void)::kill(exec.pid, SIGKILL);
    }
    publish_exit(still, still->init);
  });
}

void Service::publish_last_exit(const ContainerPtr& container) {
  if (!container->init.unpublished || container->init.phase == Phase::starting || any_exec_runs(*container)) return;
  publish_exit(container, container->init);
}

void Service::publish_exit(const ContainerPtr& container, TaskProcess& process) {
  if (process.exec_id.empty() && container->oom) container->oom->check();
  process.exit = std::move(process.unpublished);
  process.unpublished.reset();
  process.phase = Phase::stopped;
  process.input_keeper.reset();
  process.output_keepers.clear();
  wire::TaskExit event;
  event.set_container_id(container->id);
  event.set_id(process.exec_id.empty() ? container->id : process.exec_id);
  event.set_pid(static_cast<uint32_t>(process.pid));
  event.set_exit_status(process.exit->status);
  *event.mutable_exited_at() = process.exit->time;
  publisher_.publish("/tasks/exit", "containerd.events.TaskExit", event);
  const wire::WaitResponse response = wait_response(*process.exit);
  for (const Responder& waiter : process.waiters) waiter.answer(response);
  process.waiters.clear();
  process.waiters.shrink_to_fit();
}

void Service::wait(const Call& call) {
  wire::WaitRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  if (process->exit) return call.responder.answer(wait_response(*process->exit));
  process->waiters.push_back(call.responder);
}

void Service::kill(const Call& call) {
  wire::KillRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  const int number = static_cast<int>(std::min<uint32_t>(request.signal(), NSIG));
  if (number >= NSIG) return call.responder.fail(Code::unknown, "unknown error after kill: no such signal");
  if (process->phase == Phase::stopped || process->unpublished) {
    return call.responder.fail(Code::not_found, "process already finished");
  }
  if (!process->exec_id.empty()) {
    if (process->pid == 0) return call.responder.fail(Code::failed_precondition, "process not created");
    // The keeper is the shim's own child, so the pid is still its.
    if (::kill(process->pid, number) != 0) return call.responder.fail(kill_failure(last_error("kill")));
    return call.responder.answer(wire::Empty());
  }
  run(
      call,
      [root = container->root, id = container->id, number, all = request.all()] {
        const Status killed = runtime::kill_container(root, id, number, all);
        Outcome outcome;
        if (!killed.ok()) outcome.failure = kill_failure(killed.error());
        return outcome;
      },
      [call](const Outcome& outcome) {
        if (!outcome.ok()) return call.responder.fail(outcome.failure);
        call.responder.answer(wire::Empty());
      });
}

void Service::remove(const Call& call) {
  wire::DeleteRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  if (process->phase == Phase::running || process->phase == Phase::starting) {
    return call.responder.fail(Code::failed_precondition, "cannot delete a running process");
  }
  if (process->exec_id.empty()) return remove_init(call, container);
  remove_exec(call, container, *process);
}

void Service::after_output(const ContainerPtr& container, const std::string& exec_id, std::chrono::milliseconds patience,
                           std::function<void()> then) {
  const TaskProcess* process = container->find(exec_id);
  if (process == nullptr || !process->terminal || process->terminal->finished()) return then();
  const auto once = std::make_shared<std::function<void()>>(std::move(then));
  const auto timer = loop_.after(patience, [once] {
    if (const auto call = std::exchange(*once, nullptr)) call();
  });
  process->terminal->when_finished([this, once, timer] {
    loop_.cancel(timer);
    // Not from within the terminal's own functions, which what follows may destroy.
    loop_.after(std::chrono::milliseconds(0), [once] {
      if (const auto call = std::exchange(*once, nullptr)) call();
    });
  });
}

// However many ask, it is removed once: whoever has its id afterwards is another process.
void Service::remove_exec(const Call& call, const ContainerPtr& container, TaskProcess& process) {
  process.removers.push_back(call.responder);
  if (process.removers.size() > 1) return;
  after_output(container, process.exec_id, kExecOutputPatience, [this, container, exec_id = process.exec_id] {
    TaskProcess& removed = container->execs.at(exec_id);
    end_logger(removed.logger);
    dismiss_waiters(removed);
    const wire::DeleteResponse response = delete_response(removed);
    for (const Responder& remover : removed.removers) remover.answer(response);
    container->execs.erase(exec_id);
  });
}

// A logging program ends at the end of its input; one that does not is asked to.
void Service::end_logger(pid_t logger) {
  if (!loggers_.contains(logger)) return;
  loop_.after(kLoggerPatience, [this, logger] {
    if (loggers_.contains(logger)) (void)::kill(logger, SIGTERM);
  });
}

bool Service::is_deleted(const ContainerPtr& container) const {
  const auto found = containers_.find(container->id);
  return found == containers_.end() || found->second != container;
}

// A container that was never started is killed by its deletion, with what was executed in it.
void Service::end_processes(const ContainerPtr& container) {
  const auto end = [&](TaskProcess& process) {
    owners_.erase(process.pid);
    if (!process.unpublished) process.unpublished = ProcessExit{128 + SIGKILL, timestamp_now()};
    publish_exit(container, process);
  };
  for (auto& [id, exec] : container->execs) {
    if (exec.phase == Phase::running) end(exec);
    dismiss_waiters(exec);
  }
  if (!container->init.exit) end(container->init);
}

void Service::remove_init(const Call& call, const ContainerPtr& container) {
  if (container->deleting) return call.responder.fail(Code::failed_precondition, "container is being deleted");
  container->deleting = true;
  after_output(container, "", kInitOutputPatience, [this, call, container] {
    run(
        call,
        [root = container->root, id = container->id, bundle = container->bundle] {
          return destroy_in_child(root, id, bundle, false);
        },
        [this, call, container](const Outcome& outcome) {
          container->deleting = false;
          if (!outcome.ok()) return call.responder.fail(outcome.failure);
          end_processes(container);
          const wire::DeleteResponse response = delete_response(container->init);
          end_logger(container->init.logger);
          containers_.erase(container->id);
          end_unless_used();
          wire::TaskDelete event;
          event.set_container_id(container->id);
          event.set_pid(response.pid());
          event.set_exit_status(response.exit_status());
          *event.mutable_exited_at() = response.exited_at();
          publisher_.publish("/tasks/delete", "containerd.events.TaskDelete", event);
          call.responder.answer(response);
        });
  });
}

}  // namespace litebox::containerd
