// What changes a running container: Pause, Resume, Update, ResizePty, CloseIO. And Checkpoint, which is refused.
#include <nlohmann/json.hpp>
#include <utility>

#include "oci/json_document.h"
#include "oci/resources_reader.h"
#include "runtime/cgroup_freezer.h"
#include "runtime/containerd/service.h"
#include "runtime/operations.h"
#include "wire/events.pb.h"
#include "wire/task.pb.h"

namespace litebox::containerd {
namespace {

Outcome outcome_of(const Status& status, const char* what) {
  if (status.ok()) return {};
  return Outcome::failed(Code::unknown, std::string("OCI runtime ") + what + " failed: " + status.error().message());
}

Status update(const std::string& root, const std::string& id, const std::string& text) {
  LITEBOX_ASSIGN(const nlohmann::json document, oci::parse_document(text, "resources"));
  oci::Reader reader("resources", document);
  const oci::Resources resources = oci::read_resources(reader.root());
  LITEBOX_TRY(reader.status());
  return runtime::update_container(root, id, resources);
}

void resize_now(const TaskProcess& process, const Resize& request) {
  if (!process.exec_id.empty() && process.phase == Phase::stopped) {
    return request.responder.fail(Code::unknown, "cannot resize a stopped container");
  }
  if (process.terminal && !process.terminal->finished()) {
    const Status resized = process.terminal->resize(request.columns, request.rows);
    if (!resized.ok()) return request.responder.fail(Code::unknown, resized.error().message());
  }
  request.responder.answer(wire::Empty());
}

}  // namespace

void Service::pause(const Call& call) {
  wire::PauseRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  if (container->init.phase == Phase::stopped) {
    return call.responder.fail(Code::failed_precondition, "cannot pause a stopped container");
  }
  run(
      call, [root = container->root, id = container->id] { return outcome_of(runtime::pause_container(root, id), "pause"); },
      [this, call, container](const Outcome& outcome) {
        if (!outcome.ok()) return call.responder.fail(outcome.failure);
        container->held = !runtime::is_frozen(container->cgroups);
        wire::TaskNotice event;
        event.set_container_id(container->id);
        publisher_.publish("/tasks/paused", "containerd.events.TaskPaused", event);
        call.responder.answer(wire::Empty());
      });
}

void Service::resume(const Call& call) {
  wire::ResumeRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  if (container->init.phase == Phase::stopped) {
    return call.responder.fail(Code::failed_precondition, "cannot resume a stopped container");
  }
  run(
      call, [root = container->root, id = container->id] { return outcome_of(runtime::resume_container(root, id), "resume"); },
      [this, call, container](const Outcome& outcome) {
        if (!outcome.ok()) return call.responder.fail(outcome.failure);
        container->held = false;
        wire::TaskNotice event;
        event.set_container_id(container->id);
        publisher_.publish("/tasks/resumed", "containerd.events.TaskResumed", event);
        call.responder.answer(wire::Empty());
      });
}

void Service::update(const Call& call) {
  wire::UpdateRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  if (container->init.phase == Phase::stopped) {
    return call.responder.fail(Code::failed_precondition, "cannot update a stopped container");
  }
  run(
      call,
      [root = container->root, id = container->id, text = request.resources().value()] {
        return outcome_of(containerd::update(root, id, text), "update");
      },
      [call](const Outcome& outcome) {
        if (!outcome.ok()) return call.responder.fail(outcome.failure);
        call.responder.answer(wire::Empty());
      });
}

void Service::resize(const Call& call) {
  wire::ResizePtyRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  Resize resize{call.responder, request.width(), request.height()};
  if (process->phase != Phase::starting || process->terminal) return resize_now(*process, resize);
  process->resizes.push_back(std::move(resize));
}

void Service::finish_resizes(TaskProcess& process) {
  for (const Resize& resize : std::exchange(process.resizes, {})) resize_now(process, resize);
}

void Service::close_io(const Call& call) {
  wire::CloseIoRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  const ContainerPtr container = find_container(call, request.id());
  if (!container) return;
  TaskProcess* process = find_process(call, *container, request.exec_id());
  if (process == nullptr) return;
  if (request.stdin()) {
    process->input_closed = true;
    process->input_keeper.reset();
  }
  call.responder.answer(wire::Empty());
}

void Service::checkpoint(const Call& call) {
  wire::CheckpointRequest request;
  if (!request.ParseFromString(call.payload)) return call.responder.fail(Code::invalid_argument, "broken message");
  if (!find_container(call, request.id())) return;
  call.responder.fail(Code::unimplemented, "checkpoint is not supported");
}

}  // namespace litebox::containerd
