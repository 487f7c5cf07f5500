#include "shim/monitor/receiver_role.h"

#include <poll.h>

#include <chrono>
#include <system_error>
#include <thread>

namespace litebox::monitor {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr int kIdleLimit = 4;
// Beyond the calls that may block for guests (kernel/pending_signals.h), room for those that do so unannounced.
constexpr int kThreadLimit = 1024 + 64;

// What a thread is called here; threads begin with 1.
uint64_t own_number() {
  static std::atomic<uint64_t> last{0};
  thread_local const uint64_t number = ++last;
  return number;
}

bool make_thread(const std::function<void()>& body) {
  try {
    std::thread(body).detach();
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

}  // namespace

ReceiverRole::ReceiverRole(int listener, std::function<void()> receive) : listener_(listener), receive_(std::move(receive)) {}

void ReceiverRole::start() {
  const std::lock_guard<std::mutex> guard(mutex_);
  (void)release_locked();
  (void)make_thread([this] { watch(); });
}

bool ReceiverRole::take() {
  const uint64_t self = own_number();
  if (holder_.load(std::memory_order_relaxed) == self) return true;
  std::unique_lock<std::mutex> lock(mutex_);
  if (holder_ != 0 && idle_ >= kIdleLimit) {
    --threads_;
    return false;
  }
  ++idle_;
  free_.wait(lock, [this] { return holder_ == 0; });
  --idle_;
  holder_ = self;
  return true;
}

bool ReceiverRole::give_up() {
  if (holder_.load(std::memory_order_relaxed) != own_number()) return true;
  const std::lock_guard<std::mutex> guard(mutex_);
  return holder_ != own_number() || release_locked();
}

bool ReceiverRole::release_locked() {
  if (idle_ > 0) {
    holder_ = 0;
    free_.notify_one();
    return true;
  }
  if (threads_ >= kThreadLimit || !make_thread(receive_)) return false;
  ++threads_;
  holder_ = 0;
  return true;
}

void ReceiverRole::watch() {
  pollfd waiting{listener_, POLLIN, 0};
  while (true) {
    if (::poll(&waiting, 1, -1) < 0) continue;
    if ((waiting.revents & POLLHUP) != 0) return;
    const uint64_t before = received_.load(std::memory_order_relaxed);
    const uint64_t holder = holder_;
    std::this_thread::sleep_for(kPatience);
    if (received_.load(std::memory_order_relaxed) != before || ::poll(&waiting, 1, 0) <= 0) continue;
    const std::lock_guard<std::mutex> guard(mutex_);
    if (holder_ == holder && holder != 0) (void)release_locked();
  }
}

}  // namespace litebox::monitor
