#include "runtime/containerd/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>

namespace litebox::containerd {
namespace {

// The generation tells a descriptor from an earlier one with the same number, of which the kernel may still report something.
uint64_t tag_of(int fd, uint32_t generation) { return uint64_t{generation} << 32U | static_cast<uint32_t>(fd); }

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return last_error("epoll_create1");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

Status EventLoop::watch(int fd, uint32_t events, DescriptorCallback callback) {
  auto entry = std::make_shared<Watch>(Watch{++generations_, std::move(callback)});
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(fd, entry->generation);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return last_error("epoll_ctl");
  watches_[fd] = std::move(entry);
  return {};
}

void EventLoop::change(int fd, uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(fd, found->second->generation);
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::forget(int fd) {
  if (watches_.erase(fd) != 0) (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerKey EventLoop::after(std::chrono::milliseconds delay, std::function<void()> callback) {
  const TimerKey key{Clock::now() + delay, ++timer_numbers_};
  timers_.emplace(key, std::move(callback));
  return key;
}

void EventLoop::on_quiet(std::chrono::milliseconds quiet, std::function<void()> callback) {
  quiet_ = quiet;
  quiet_callback_ = std::move(callback);
  quiet_due_ = true;
}

int EventLoop::milliseconds_to_wait() const {
  int64_t wait = -1;
  if (!timers_.empty()) {
    wait = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now()).count();
    wait = std::clamp<int64_t>(wait, 0, INT32_MAX);
  }
  if (quiet_due_) wait = wait < 0 ? quiet_.count() : std::min<int64_t>(wait, quiet_.count());
  return static_cast<int>(wait);
}

void EventLoop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first.first <= Clock::now()) {
    const auto callback = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    callback();
  }
}

void EventLoop::dispatch(uint64_t tag, uint32_t events) {
  const auto found = watches_.find(static_cast<int>(tag & 0xffffffffU));
  if (found == watches_.end() || found->second->generation != tag >> 32U) return;
  const std::shared_ptr<Watch> entry = found->second;  // outlives a callback that forgets its own descriptor
  entry->callback(events);
}

void EventLoop::run() {
  std::array<epoll_event, 16> events{};
  while (!stopped_) {
    const int wait = milliseconds_to_wait();
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) dispatch(events[static_cast<size_t>(i)].data.u64, events[static_cast<size_t>(i)].events);
    if (count > 0) {
      quiet_due_ = static_cast<bool>(quiet_callback_);
    } else if (quiet_due_ && wait == quiet_.count()) {
      quiet_due_ = false;
      quiet_callback_();
    }
    run_timers();
  }
}

}  // namespace litebox::containerd
