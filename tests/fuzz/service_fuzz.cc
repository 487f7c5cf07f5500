// The task service under any sequence of calls, of ends of its children's work, of exits, timers and readable descriptors.
//
// Whatever comes: every call is answered, once all work has ended, but a Wait for what has not been started; an exit is
// published once, after the start and before the deletion; what is deleted is gone.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/containerd/service.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/shim_world.h"
#include "wire/events.pb.h"
#include "wire/shim.pb.h"
#include "wire/task.pb.h"

namespace {

using namespace litebox;              // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::containerd;  // NOLINT(google-build-using-namespace): what is fuzzed
using fuzz::Input;
using fuzz::require;

constexpr std::array<const char*, 18> kMethods{"State", "Create", "Start",     "Delete",  "Pids",     "Pause",
                                               "Kill",  "Resume", "ResizePty", "CloseIO", "Exec",     "Update",
                                               "Wait",  "Stats",  "Connect",   "Unheard", "Shutdown", "Checkpoint"};
constexpr std::array<const char*, 3> kContainers{"a", "b", ""};
constexpr std::array<const char*, 4> kExecs{"", "e1", "e2", "e3"};

struct Answer {
  Code code;
  std::string payload;
};

class Answers final : public AnswerSink {
 public:
  void answer(uint32_t stream, const Failure& failure, std::string_view payload) override {
    require(expected.erase(stream) == 1 || waits.erase(stream) == 1);
    last = {failure.code, std::string(payload)};
  }
  std::set<uint32_t> expected;
  std::map<uint32_t, wire::WaitRequest> waits;
  Answer last{};
};

enum class Stage { known, started, ended };

const std::string& bundle() {
  static const std::string directory = [] {
    std::string name = "/dev/shm/litebox-fuzz-XXXXXX";
    require(mkdtemp(name.data()) != nullptr);
    // Removed with everything in it when the fuzzer ends.
    static std::string kept;
    kept = name;
    (void)std::atexit([] {
      (void)unlink((kept + "/" + kRootNote).c_str());
      (void)rmdir(kept.c_str());
    });
    return name;
  }();
  return directory;
}

class Session {
 public:
  Session()
      : loop_(std::move(EventLoop::create()).value()),
        publisher_(*loop_, "", "fuzz"),
        service_(*loop_, publisher_, {"fuzz", nullptr, [] {}}) {
    fuzz::shim_world() = {};
  }

  void step(Input& input) {
    switch (input.byte() % 6) {
      case 0:
      case 1:
        return call(input);
      case 2:
        return complete(input.byte(), input.byte(), input.byte());
      case 3:
        return exit_of(input.byte(), input.byte());
      case 4:
        return loop_->run();
      default:
        return wake(input.byte(), input.byte());
    }
  }

  // All that is under way ends.
  void finish() {
    constexpr int rounds = 1000;
    for (int i = 0; i < rounds; ++i) {
      while (!fuzz::shim_world().operations.empty()) complete(0, 0, 0);
      while (!alive_.empty()) exit_of(0, 0);
      if (fuzz::shim_world().operations.empty() && !run_timer()) break;
    }
    require(answers_->expected.empty());
    for (const auto& [stream, request] : std::map(answers_->waits)) require(may_come(request));
  }

 private:
  void call(Input& input) {
    const std::string method = kMethods[input.byte() % kMethods.size()];
    const std::string id = kContainers[input.byte() % kContainers.size()];
    const std::string exec_id = kExecs[input.byte() % kExecs.size()];
    const uint8_t timeout = input.byte();
    Call call;
    call.service = timeout == UINT8_MAX ? "unheard.of" : "containerd.task.v2.Task";
    call.method = method;
    call.payload = input.piece(input.byte());
    // The last value of a field is the one that counts.
    if (method == "Create") {
      wire::CreateRequest request;
      request.set_id(id);
      request.set_bundle(bundle());
      call.payload += request.SerializeAsString();
    } else {
      wire::StateRequest request;
      request.set_id(id);
      if (method == "Exec" || method == "State" || method == "Start" || method == "Delete" || method == "Kill" ||
          method == "ResizePty" || method == "CloseIO" || method == "Wait") {
        request.set_exec_id(exec_id);
      }
      call.payload += request.SerializeAsString();
      if (method == "Exec" && timeout != 1) {
        wire::ExecRequest runnable;
        runnable.mutable_spec()->set_value(R"({"args": ["program"], "cwd": "/"})");
        call.payload += runnable.SerializeAsString();
      }
    }
    call.timeout = std::chrono::milliseconds(timeout % 2 == 0 ? 0 : timeout);
    const uint32_t stream = next_stream_++;
    if (wire::WaitRequest request; method == "Wait" && request.ParseFromString(call.payload)) {
      answers_->waits[stream] = std::move(request);
    } else {
      answers_->expected.insert(stream);
    }
    call.responder = Responder(answers_, stream);
    service_.handle(call);
    check_events();
  }

  // The end of a process that there is.
  bool may_come(const wire::WaitRequest& wait) {
    wire::StateRequest request;
    request.set_id(wait.id());
    request.set_exec_id(wait.exec_id());
    Call call;
    call.service = "containerd.task.v3.Task";
    call.method = "State";
    call.payload = request.SerializeAsString();
    answers_->expected.insert(next_stream_);
    call.responder = Responder(answers_, next_stream_++);
    service_.handle(call);
    wire::StateResponse response;
    require(response.ParseFromString(answers_->last.payload));
    return answers_->last.code == Code::ok && response.status() != wire::STOPPED;
  }

  void complete(uint8_t index, uint8_t kind, uint8_t detail) {
    auto& operations = fuzz::shim_world().operations;
    if (operations.empty()) return;
    const auto chosen = operations.begin() + index % static_cast<long>(operations.size());
    const fuzz::PendingOperation operation = std::move(*chosen);
    operations.erase(chosen);
    Outcome outcome;
    if (operation.killed || kind % 4 == 1) {
      outcome = Outcome::failed(Code::internal, "the operation was killed");
      outcome.died = true;
    } else if (kind % 4 == 2) {
      outcome = Outcome::failed(static_cast<Code>(detail % 16 + 1), "failed");
    } else {
      outcome = started(operation.pid, detail);
      alive_.push_back(operation.pid);
    }
    operation.complete(std::move(outcome));
    check_events();
  }

  Outcome started(pid_t pid, uint8_t detail) {
    Outcome outcome;
    wire::Started message;
    message.set_pid(static_cast<uint32_t>(pid));
    message.set_inner_pid(static_cast<uint32_t>(pid));
    const auto add = [&] { outcome.descriptors.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC)); };
    const auto flag = [&](unsigned bit) {
      const bool set = (detail >> bit & 1U) != 0;
      if (set) add();
      return set;
    };
    message.set_terminal_master(flag(0));
    message.set_terminal_input(flag(1));
    message.set_terminal_output(flag(2));
    message.set_input_keeper(flag(3));
    message.set_output_keepers(detail >> 6U);
    for (unsigned i = 0; i < detail >> 6U; ++i) add();
    if ((detail >> 4U & 1U) != 0) message.set_logger(static_cast<uint32_t>(fuzz::shim_world().next_pid++));
    outcome.payload = message.SerializeAsString();
    return outcome;
  }

  // Of a process that is known, or of one that an operation under way has made.
  void exit_of(uint8_t index, uint8_t status) {
    if (alive_.empty()) return;
    const auto chosen = alive_.begin() + index % static_cast<long>(alive_.size());
    constexpr int exit_code_shift = 8;
    fuzz::shim_world().exits.emplace_back(*chosen, status % 2 == 0 ? status << exit_code_shift : SIGKILL);
    alive_.erase(chosen);
    service_.reap();
    check_events();
  }

  // False when there was none.
  bool run_timer() {
    none_left_ = false;
    loop_->after(std::chrono::hours(1), [this] { none_left_ = true; });
    loop_->run();
    check_events();
    return !none_left_;
  }

  void wake(uint8_t index, uint8_t events) {
    auto& watches = fuzz::shim_world().watches;
    if (watches.empty()) return;
    auto chosen = watches.begin();
    std::advance(chosen, index % static_cast<long>(watches.size()));
    const auto callback = chosen->second;
    callback(events);
  }

  void check_events() {
    for (const fuzz::PublishedEvent& event : std::exchange(fuzz::shim_world().events, {})) {
      if (event.topic == "/tasks/create") {
        wire::TaskCreate message;
        require(message.ParseFromString(event.value));
        require(processes_.emplace(std::pair(message.container_id(), message.container_id()), Stage::known).second);
      } else if (event.topic == "/tasks/exec-added") {
        wire::TaskExecAdded message;
        require(message.ParseFromString(event.value));
        processes_[{message.container_id(), message.exec_id()}] = Stage::known;
      } else if (event.topic == "/tasks/exec-started") {
        wire::TaskExecStarted message;
        require(message.ParseFromString(event.value));
        const auto process = processes_.find({message.container_id(), message.exec_id()});
        require(process != processes_.end() && process->second == Stage::known);
        process->second = Stage::started;
      } else if (event.topic == "/tasks/exit") {
        wire::TaskExit message;
        require(message.ParseFromString(event.value));
        const auto process = processes_.find({message.container_id(), message.id()});
        require(process != processes_.end() && process->second != Stage::ended);
        require(process->second == Stage::started || message.id() == message.container_id());
        process->second = Stage::ended;
      } else if (event.topic == "/tasks/delete") {
        wire::TaskDelete message;
        require(message.ParseFromString(event.value));
        require(processes_.at({message.container_id(), message.container_id()}) == Stage::ended);
        std::erase_if(processes_, [&](const auto& entry) {
          if (entry.first.first != message.container_id()) return false;
          require(entry.second != Stage::started);
          return true;
        });
      }
    }
  }

  std::unique_ptr<EventLoop> loop_;
  Publisher publisher_;
  Service service_;
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  std::vector<pid_t> alive_;
  std::map<std::pair<std::string, std::string>, Stage> processes_;
  uint32_t next_stream_ = 1;
  bool none_left_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(std::string_view(reinterpret_cast<const char*>(data), size));
  Session session;
  while (!input.empty()) session.step(input);
  session.finish();
  return 0;
}
