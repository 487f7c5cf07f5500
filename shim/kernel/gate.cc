#include "shim/kernel/gate.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "shim/kernel/pending_signals.h"

namespace litebox::kernel {

Result<bool> Gate::wait(HostPid guest, const std::optional<timespec>& deadline) {
  static_assert(sizeof open_ == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  LITEBOX_ASSIGN(const int64_t opened, run_interruptibly(guest, [&]() -> int64_t {
                   while (open_.load(std::memory_order_acquire) == 0) {
                     if (syscall(SYS_futex, &open_, FUTEX_WAIT_BITSET_PRIVATE, 0, deadline ? &*deadline : nullptr, nullptr,
                                 FUTEX_BITSET_MATCH_ANY) == 0) {
                       continue;
                     }
                     if (errno == ETIMEDOUT) return 0;
                     if (errno == EINTR) return -EINTR;
                   }
                   return 1;
                 }));
  return opened != 0;
}

void Gate::open() {
  open_.store(1, std::memory_order_release);
  (void)syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

timespec deadline_after(const timespec& after) {
  constexpr long kNanoseconds = 1'000'000'000;
  timespec now{};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  timespec result = {now.tv_sec, now.tv_nsec + after.tv_nsec};
  if (result.tv_nsec >= kNanoseconds) {
    result.tv_nsec -= kNanoseconds;
    ++result.tv_sec;
  }
  if (__builtin_add_overflow(result.tv_sec, after.tv_sec, &result.tv_sec)) result.tv_sec = LONG_MAX;
  return result;
}

}  // namespace litebox::kernel
