// What a client wants to know: State, Pids, Stats, Connect. And Shutdown, the last question.
#include <unistd.h>

#include "runtime/cgroup_freezer.h"
#include "runtime/containerd/metrics.h"
#include "runtime/containerd/service.h"
#include "runtime/operations.h"
#include "wire/task.pb.h"

namespace litebox::containerd {
namespace {

wire::TaskStatus status_of(const TaskProcess& process, bool paused) {
  switch (process.phase) {
    case Phase::stopped:
      return wire::STOPPED;
    case Phase::created:
    case Phase::starting:
      return wire::CREATED;
    case Phase::running:
      break;
  }
  return process.exec_id.empty() && paused ? wire::PAUSED : wire::RUNNING;
}

}  // namespace

bool Service::is_paused(const Container& container) { return container.held || runtime::is_frozen(container.cgroups); }

void Service::state(const Call& call) {
  wire::StateRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  const TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  wire::StateResponse response;
  response.set_id(process->exec_id.empty() ? container->id : process->exec_id);
  response.set_bundle(container->bundle);
  response.set_pid(static_cast<uint32_t>(process->pid));
  response.set_status(status_of(*process, is_paused(*container)));
  response.set_stdin(process->paths.input);
  response.set_stdout(process->paths.output);
  response.set_stderr(process->paths.error);
  response.set_terminal(process->paths.terminal);
  if (process->exit) {
    response.set_exit_status(process->exit->status);
    *response.mutable_exited_at() = process->exit->time;
  }
  call.responder.answer(response);
}

void Service::pids(const Call& call) {
  wire::PidsRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  std::map<pid_t, std::string> execs;
  for (const auto& [id, exec] : container->execs) {
    if (exec.phase == Phase::running) execs[exec.inner_pid] = id;
  }
  run(
      call,
      [root = container->root, id = container->id, execs = std::move(execs)] {
        const auto members = runtime::container_processes(root, id);
        if (!members.ok()) return Outcome::failed(Code::unknown, "OCI runtime ps failed: " + members.error().message());
        wire::PidsResponse response;
        for (const pid_t pid : *members) {
          wire::ProcessInfo& info = *response.add_processes();
          info.set_pid(static_cast<uint32_t>(pid));
          const auto exec = execs.find(pid);
          if (exec == execs.end()) continue;
          wire::ProcessDetails details;
          details.set_exec_id(exec->second);
          info.mutable_info()->set_type_url("containerd.runc.v1.ProcessDetails");
          info.mutable_info()->set_value(details.SerializeAsString());
        }
        Outcome outcome;
        outcome.payload = response.SerializeAsString();
        return outcome;
      },
      [call](const Outcome& outcome) {
        if (!outcome.ok()) return call.responder.fail(outcome.failure);
        call.responder.answer_bytes(outcome.payload);
      });
}

void Service::stats(const Call& call) {
  wire::StatsRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  run(
      call,
      [cgroups = container->cgroups] {
        const auto metrics = read_metrics(cgroups);
        if (!metrics.ok()) return Outcome::failed(Code::not_found, "cgroup does not exist");
        wire::StatsResponse response;
        response.mutable_stats()->set_type_url(metrics->type);
        response.mutable_stats()->set_value(metrics->value);
        Outcome outcome;
        outcome.payload = response.SerializeAsString();
        return outcome;
      },
      [call](const Outcome& outcome) {
        if (!outcome.ok()) return call.responder.fail(outcome.failure);
        call.responder.answer_bytes(outcome.payload);
      });
}

void Service::connect(const Call& call) {
  wire::ConnectRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  wire::ConnectResponse response;
  response.set_shim_pid(static_cast<uint32_t>(getpid()));
  // An unknown id is no error: containerd asks before there is a task.
  if (const auto found = containers_.find(request.id()); found != containers_.end()) {
    response.set_task_pid(static_cast<uint32_t>(found->second->init.pid));
  }
  call.responder.answer(response);
}

void Service::shut_down(const Call& call) {
  wire::ShutdownRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  call.responder.answer(wire::Empty());
  if (containers_.empty() && being_created_.empty()) setup_.shut_down();
}

}  // namespace litebox::containerd
