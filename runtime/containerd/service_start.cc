// Create, Start and Exec.
#include <fcntl.h>

#include "oci/process_json.h"
#include "runtime/containerd/child_work.h"
#include "runtime/containerd/service.h"
#include "runtime/files.h"
#include "runtime/operations.h"
#include "wire/events.pb.h"
#include "wire/shim.pb.h"
#include "wire/task.pb.h"

namespace litebox::containerd {
namespace {

template <typename Request>
StreamPaths paths_of(const Request& request) {
  return {request.stdin(), request.stdout(), request.stderr(), request.terminal()};
}

wire::TaskCreate create_event(const wire::CreateRequest& request, pid_t pid) {
  wire::TaskCreate event;
  event.set_container_id(request.id());
  event.set_bundle(request.bundle());
  *event.mutable_rootfs() = request.rootfs();
  event.mutable_io()->set_stdin(request.stdin());
  event.mutable_io()->set_stdout(request.stdout());
  event.mutable_io()->set_stderr(request.stderr());
  event.mutable_io()->set_terminal(request.terminal());
  event.set_pid(static_cast<uint32_t>(pid));
  return event;
}

}  // namespace

void Service::create(const Call& call) {
  const auto request = std::make_shared<wire::CreateRequest>();
  if (!request->ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  if (containers_.contains(request->id()) || being_created_.contains(request->id())) {
    return call.responder.fail(Code::already_exists, "container " + request->id() + " already exists");
  }
  if (!request->checkpoint().empty()) return call.responder.fail(Code::unimplemented, "restore is not supported");
  auto options = read_task_options(request->options().type_url(), request->options().value());
  if (!options.ok()) return call.responder.fail(Code::invalid_argument, options.error().message());

  const auto container = std::make_shared<Container>();
  container->id = request->id();
  container->bundle = request->bundle();
  container->options = *options;
  container->root = options->root + "/" + setup_.namespace_name;
  container->init.paths = paths_of(*request);
  // For `delete`, which knows the bundle only, when the shim is gone.
  const Status noted = runtime::replace_file(AT_FDCWD, container->bundle + "/" + kRootNote, container->root, 0600);
  if (!noted.ok()) return call.responder.fail(Code::unknown, noted.error().message());

  CreateWork work{container->id,         setup_.namespace_name, container->bundle, container->root, *options, {},
                  container->init.paths, setup_.monitor_main};
  for (const wire::Mount& mount : request->rootfs()) {
    work.mounts.push_back({mount.type(), mount.source(), mount.target(), {mount.options().begin(), mount.options().end()}});
  }
  being_created_.insert(container->id);
  run(
      call, [work = std::move(work)] { return create_in_child(work); },
      [this, call, request, container](Outcome outcome) {
        being_created_.erase(container->id);
        if (!outcome.ok()) {
          if (outcome.died) {
            // However far it had got.
            operations_.start([root = container->root, id = container->id,
                               bundle = container->bundle] { return destroy_in_child(root, id, bundle, true); },
                              [](const Outcome& /*outcome*/) {});
          }
          call.responder.fail(outcome.failure);
          return end_unless_used();
        }
        wire::Started started;
        (void)started.ParseFromString(outcome.payload);
        container->cgroups.assign(started.cgroups().begin(), started.cgroups().end());
        containers_[container->id] = container;
        container->oom = OomWatch::create(loop_, container->cgroups, [this, id = container->id] {
          wire::TaskNotice event;
          event.set_container_id(id);
          publisher_.publish("/tasks/oom", "containerd.events.TaskOOM", event);
        });
        const auto pid = static_cast<pid_t>(started.pid());
        publisher_.publish("/tasks/create", "containerd.events.TaskCreate", create_event(*request, pid));
        wire::PidResponse response;
        response.set_pid(started.pid());
        call.responder.answer(response);
        adopt_streams(container->init, outcome, started);
        own(container, container->init, pid);
      },
      true);
}

void Service::adopt_streams(TaskProcess& process, Outcome& outcome, const wire::Started& started) {
  auto next = outcome.descriptors.begin();
  const auto take = [&](bool present) { return present && next != outcome.descriptors.end() ? std::move(*next++) : Fd(); };
  Fd master = take(started.terminal_master());
  Fd input = take(started.terminal_input());
  Fd output = take(started.terminal_output());
  process.input_keeper = take(started.input_keeper());
  if (process.input_closed) process.input_keeper.reset();
  for (uint32_t i = 0; i < started.output_keepers(); ++i) process.output_keepers.push_back(take(true));
  process.logger = static_cast<pid_t>(started.logger());
  if (!master) return;
  process.terminal = std::make_unique<TerminalCopy>(loop_, std::move(master), std::move(input), std::move(output));
}

void Service::start(const Call& call) {
  wire::StartRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  if (container->deleting) return call.responder.fail(Code::failed_precondition, "container is being deleted");
  if (process->phase != Phase::created) {
    const char* phase = process->phase == Phase::stopped ? "stopped" : "running";
    return call.responder.fail(Code::failed_precondition, std::string("cannot start a ") + phase + " process");
  }
  if (process->exec_id.empty()) return start_init(call, container);
  start_exec(call, container, *process);
}

void Service::start_init(const Call& call, const ContainerPtr& container) {
  container->init.phase = Phase::starting;
  run(
      call,
      [root = container->root, id = container->id] {
        const Status started = runtime::start_container(root, id);
        if (started.ok()) return Outcome();
        return Outcome::failed(Code::unknown, "OCI runtime start failed: " + started.error().message());
      },
      [this, call, container](const Outcome& outcome) { finish_start(call, container, container->init, outcome); });
}

void Service::start_exec(const Call& call, const ContainerPtr& container, TaskProcess& process) {
  if (container->init.phase == Phase::stopped || container->init.unpublished) {
    return call.responder.fail(Code::failed_precondition, "container " + container->id + " init process is not running");
  }
  process.phase = Phase::starting;
  ExecWork work{container->id, setup_.namespace_name, container->root, container->options, process.spec, process.paths};
  run(
      call, [work = std::move(work)] { return exec_in_child(work); },
      [this, call, container, exec_id = process.exec_id](Outcome outcome) {
        TaskProcess* started_process = container->find(exec_id);
        if (started_process == nullptr) return;
        if (is_deleted(container)) {
          call.responder.fail(Code::not_found, "container " + container->id + " was deleted");
          return finish_resizes(*started_process);
        }
        wire::Started started;
        if (outcome.ok()) {
          (void)started.ParseFromString(outcome.payload);
          started_process->inner_pid = static_cast<pid_t>(started.inner_pid());
          adopt_streams(*started_process, outcome, started);
          own(container, *started_process, static_cast<pid_t>(started.pid()));
        }
        finish_start(call, container, *started_process, outcome);
      },
      true);
}

void Service::finish_start(const Call& call, const ContainerPtr& container, TaskProcess& process, const Outcome& outcome) {
  const auto pid = static_cast<uint32_t>(process.pid);
  process.phase = outcome.ok() ? Phase::running : Phase::created;
  if (!outcome.ok()) {
    call.responder.fail(outcome.failure);
  } else if (process.exec_id.empty()) {
    wire::TaskStart event;
    event.set_container_id(container->id);
    event.set_pid(pid);
    publisher_.publish("/tasks/start", "containerd.events.TaskStart", event);
  } else {
    process.spec = std::string();
    wire::TaskExecStarted event;
    event.set_container_id(container->id);
    event.set_exec_id(process.exec_id);
    event.set_pid(pid);
    publisher_.publish("/tasks/exec-started", "containerd.events.TaskExecStarted", event);
  }
  wire::PidResponse response;
  response.set_pid(pid);
  call.responder.answer(response);
  // An exit that came before this answer.
  if (process.unpublished) process_ended(container, process, *process.unpublished);
  // Of an init that has only waited for this exec.
  publish_last_exit(container);
  finish_resizes(process);
}

void Service::exec(const Call& call) {
  wire::ExecRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  if (request.exec_id().empty()) return call.responder.fail(Code::invalid_argument, "exec id must not be empty");
  if (container->execs.contains(request.exec_id())) {
    return call.responder.fail(Code::already_exists, "id " + request.exec_id() + ": already exists");
  }
  if (container->init.phase == Phase::stopped || container->init.unpublished) {
    return call.responder.fail(Code::failed_precondition, "cannot exec in a stopped state");
  }
  // It would wait for the end of the pause, and whoever asks with it.
  if (is_paused(*container)) {
    return call.responder.fail(Code::failed_precondition, "cannot exec in a paused state");
  }
  if (const auto spec = oci::parse_process(request.spec().value()); !spec.ok()) {
    return call.responder.fail(Code::invalid_argument, spec.error().message());
  }
  TaskProcess& process = container->execs[request.exec_id()];
  process.exec_id = request.exec_id();
  process.paths = paths_of(request);
  process.spec = request.spec().value();
  wire::TaskExecAdded event;
  event.set_container_id(container->id);
  event.set_exec_id(process.exec_id);
  publisher_.publish("/tasks/exec-added", "containerd.events.TaskExecAdded", event);
  call.responder.answer(wire::Empty());
}

}  // namespace litebox::containerd
