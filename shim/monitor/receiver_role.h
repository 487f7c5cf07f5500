// Who receives the next notification.
//
// One thread at a time has the receiver's role and handles what it receives itself: a hand-over to another thread would cost
// a context switch. A thread that is about to block gives the role up. One that blocks without having said so (a slow file
// system) loses it: a watchdog finds a notification that nobody has received for a while.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace litebox::monitor {

class ReceiverRole {
 public:
  // `listener` becomes readable when a notification waits, and hangs up when none can come any more; borrowed. Every thread
  // that is made runs `receive`, which takes the role before each notification.
  ReceiverRole(int listener, std::function<void()> receive);

  // Makes the first thread, and the watchdog. All of them end with the process.
  void start();

  // Waits until the calling thread has the role. False: there are threads enough, this one is to end.
  bool take();
  // To be called for each notification that has been received.
  void received() { received_.fetch_add(1, std::memory_order_relaxed); }
  // Lets another thread have the role, if the caller has it. False: there is none, and none can be made.
  bool give_up();

 private:
  bool release_locked();
  void watch();

  const int listener_;
  const std::function<void()> receive_;
  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> holder_{0};  // 0: nobody
  std::mutex mutex_;
  std::condition_variable free_;
  int idle_ = 0;     // threads that wait for the role
  int threads_ = 0;  // all of them
};

}  // namespace litebox::monitor
