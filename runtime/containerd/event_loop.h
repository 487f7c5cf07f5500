// One thread that waits for many things: descriptors, points in time, ended children.
//
// Source: epoll(7), signalfd(2). Not thread-safe; callbacks run inside run() and may add and remove anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::containerd {

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using DescriptorCallback = std::function<void(uint32_t events)>;  // EPOLLIN, EPOLLOUT, EPOLLHUP ...
  using TimerKey = std::pair<Clock::time_point, uint64_t>;

  static Result<std::unique_ptr<EventLoop>> create();

  // `fd` stays the caller's, who must forget() it before it is closed.
  Status watch(int fd, uint32_t events, DescriptorCallback callback);
  void change(int fd, uint32_t events);
  void forget(int fd);

  TimerKey after(std::chrono::milliseconds delay, std::function<void()> callback);
  void cancel(const TimerKey& timer) { timers_.erase(timer); }

  // Called when nothing has happened for `quiet`, once after each spell of activity.
  void on_quiet(std::chrono::milliseconds quiet, std::function<void()> callback);

  // Returns after stop().
  void run();
  void stop() { stopped_ = true; }

 private:
  struct Watch {
    uint32_t generation;
    DescriptorCallback callback;
  };

  explicit EventLoop(Fd epoll) : epoll_(std::move(epoll)) {}
  int milliseconds_to_wait() const;
  void run_timers();
  void dispatch(uint64_t tag, uint32_t events);

  Fd epoll_;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::map<TimerKey, std::function<void()>> timers_;
  std::function<void()> quiet_callback_;
  std::chrono::milliseconds quiet_{0};
  bool quiet_due_ = false;
  uint32_t generations_ = 0;
  uint64_t timer_numbers_ = 0;
  bool stopped_ = false;
};

}  // namespace litebox::containerd
