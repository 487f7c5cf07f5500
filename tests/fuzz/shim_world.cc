#include "tests/fuzz/shim_world.h"

#include <google/protobuf/message_lite.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "runtime/containerd/event_loop.h"
#include "runtime/containerd/publisher.h"

namespace litebox::fuzz {

ShimWorld& shim_world() {
  static ShimWorld world;
  return world;
}

}  // namespace litebox::fuzz

using litebox::fuzz::kFirstPid;
using litebox::fuzz::shim_world;

// The linker puts these in the place of the calls (--wrap).
extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): names that the linker asks for
pid_t __real_waitpid(pid_t pid, int* status, int options);
int __real_kill(pid_t pid, int number);

pid_t __wrap_waitpid(pid_t pid, int* status, int options) {
  if (pid != -1) return __real_waitpid(pid, status, options);
  auto& exits = shim_world().exits;
  if (exits.empty()) {
    errno = ECHILD;
    return -1;
  }
  const auto [ended, value] = exits.front();
  exits.pop_front();
  *status = value;
  return ended;
}

int __wrap_kill(pid_t pid, int number) { return pid >= kFirstPid ? 0 : __real_kill(pid, number); }
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}

namespace litebox::containerd {

// --- operation.h

uint64_t Operations::start(const Work& /*work*/, Completion completion) {
  const uint64_t number = ++numbers_;
  running_[number].completion = std::move(completion);
  shim_world().operations.push_back({number, shim_world().next_pid++, false, [this, number](Outcome outcome) {
                                       const Completion done = std::move(running_.at(number).completion);
                                       running_.erase(number);
                                       done(std::move(outcome));
                                     }});
  return number;
}

void Operations::kill(uint64_t number) {
  for (auto& operation : shim_world().operations) operation.killed |= operation.number == number;
}

bool Operations::reaped(pid_t /*pid*/) { return false; }

Operations::~Operations() = default;

// --- event_loop.h: run() makes the first timer fire, as if nothing else happened until then

Result<std::unique_ptr<EventLoop>> EventLoop::create() { return std::unique_ptr<EventLoop>(new EventLoop(Fd())); }

Status EventLoop::watch(int fd, uint32_t /*events*/, DescriptorCallback callback) {
  shim_world().watches[fd] = std::move(callback);
  return {};
}

void EventLoop::change(int /*fd*/, uint32_t /*events*/) {}

void EventLoop::forget(int fd) { shim_world().watches.erase(fd); }

EventLoop::TimerKey EventLoop::after(std::chrono::milliseconds delay, std::function<void()> callback) {
  const TimerKey key{Clock::time_point(delay), ++timer_numbers_};
  timers_.emplace(key, std::move(callback));
  return key;
}

void EventLoop::run() {
  if (timers_.empty()) return;
  const auto callback = std::move(timers_.begin()->second);
  timers_.erase(timers_.begin());
  callback();
}

// --- publisher.h

Publisher::Publisher(EventLoop& loop, std::string_view /*address*/, std::string namespace_name)
    : loop_(loop), namespace_(std::move(namespace_name)) {}

Publisher::~Publisher() = default;

void Publisher::publish(const std::string& topic, const std::string& /*type*/, const google::protobuf::MessageLite& event) {
  shim_world().events.push_back({topic, event.SerializeAsString()});
}

}  // namespace litebox::containerd
