#include "runtime/containerd/service.h"

#include <sys/wait.h>

#include "runtime/containerd/timestamp.h"
#include "runtime/wait_status.h"

namespace litebox::containerd {
namespace {

constexpr auto kUnusedPatience = std::chrono::seconds(30);

}  // namespace

Service::Service(EventLoop& loop, Publisher& publisher, Setup setup)
    : loop_(loop), publisher_(publisher), setup_(std::move(setup)), operations_(loop) {
  end_unless_used();
}

// A containerd that is killed between the start of a shim and the creation of its task, or between the deletion of the last and
// Shutdown, does not know of the shim any more.
void Service::end_unless_used() {
  if (unused_) loop_.cancel(*unused_);
  unused_.reset();
  if (!containers_.empty() || !being_created_.empty()) return;
  unused_ = loop_.after(kUnusedPatience, [this] {
    unused_.reset();
    if (containers_.empty() && being_created_.empty()) setup_.shut_down();
  });
}

void Service::handle(const Call& call) {
  static const std::map<std::string_view, Method> methods{
      {"State", &Service::state},        {"Create", &Service::create},
      {"Start", &Service::start},        {"Delete", &Service::remove},
      {"Pids", &Service::pids},          {"Pause", &Service::pause},
      {"Resume", &Service::resume},      {"Checkpoint", &Service::checkpoint},
      {"Kill", &Service::kill},          {"Exec", &Service::exec},
      {"ResizePty", &Service::resize},   {"CloseIO", &Service::close_io},
      {"Update", &Service::update},      {"Wait", &Service::wait},
      {"Stats", &Service::stats},        {"Connect", &Service::connect},
      {"Shutdown", &Service::shut_down},
  };
  if (call.service != "containerd.task.v2.Task" && call.service != "containerd.task.v3.Task") {
    return call.responder.fail(Code::unimplemented, "service " + call.service);
  }
  const auto method = methods.find(call.method);
  if (method == methods.end()) return call.responder.fail(Code::unimplemented, "method " + call.method);
  (this->*method->second)(call);
}

Service::ContainerPtr Service::find_container(const Call& call, const std::string& id) {
  const auto found = containers_.find(id);
  if (found != containers_.end()) return found->second;
  call.responder.fail(Code::not_found, "container not created");
  return nullptr;
}

TaskProcess* Service::find_process(const Call& call, Container& container, const std::string& exec_id) {
  TaskProcess* process = container.find(exec_id);
  if (process == nullptr) call.responder.fail(Code::not_found, "process does not exist " + exec_id);
  return process;
}

void Service::run(const Call& call, const Operations::Work& work, Operations::Completion done, bool undo) {
  const auto timer = std::make_shared<std::optional<EventLoop::TimerKey>>();
  const uint64_t number = operations_.start(work, [this, timer, done = std::move(done)](Outcome outcome) {
    if (*timer) loop_.cancel(**timer);
    // Whatever the child has left behind is the shim's from here on; those of it that have ended are known before their start.
    completing_ = true;
    reap();
    done(std::move(outcome));
    completing_ = false;
    if (operations_.idle()) unclaimed_.clear();
  });
  if (call.timeout.count() == 0) return;
  *timer = loop_.after(std::chrono::ceil<std::chrono::milliseconds>(call.timeout),
                       [this, timer, number, undo, responder = call.responder] {
                         timer->reset();
                         responder.fail(Code::deadline_exceeded, "deadline exceeded");
                         if (undo) operations_.kill(number);
                       });
}

void Service::own(const ContainerPtr& container, TaskProcess& process, pid_t pid) {
  process.pid = pid;
  if (process.logger != 0) loggers_.insert(process.logger);
  const auto early = unclaimed_.find(pid);
  if (early == unclaimed_.end()) {
    owners_[pid] = {container, process.exec_id};
    return;
  }
  // It is nobody's any more: another process may have the same pid by now.
  const ProcessExit exit = early->second;
  unclaimed_.erase(early);
  process_ended(container, process, exit);
}

void Service::reap() {
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    if (operations_.reaped(pid) || loggers_.erase(pid) != 0) continue;
    const ProcessExit exit{static_cast<uint32_t>(runtime::exit_code_of(status)), timestamp_now()};
    const auto owner = owners_.find(pid);
    if (owner == owners_.end()) {
      if (completing_ || !operations_.idle()) unclaimed_[pid] = exit;
      continue;
    }
    const ContainerPtr container = owner->second.container.lock();
    const std::string exec_id = owner->second.exec_id;
    owners_.erase(owner);
    TaskProcess* process = container ? container->find(exec_id) : nullptr;
    if (process != nullptr) process_ended(container, *process, exit);
  }
}

}  // namespace litebox::containerd
