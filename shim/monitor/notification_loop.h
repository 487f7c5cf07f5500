// Receives notifications and has them answered.
//
// One thread at a time has the receiver's role and handles what it receives itself: a hand-over to another thread would cost
// a context switch. A handler that may block gives the role to another thread first (while_blocking).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "shim/kernel/world.h"
#include "shim/monitor/exec_service.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/thread_cache.h"
#include "shim/syscalls/call.h"

namespace litebox::monitor {

class NotificationLoop final : public syscalls::Monitor {
 public:
  NotificationLoop(kernel::World& world, const Listener& listener, ExecService& execs, Tracer& tracer);

  // Starts the first receiver. Its threads end with the process.
  void start();

  void while_blocking(const std::function<void()>& work) override;

  // Children of this process, whose exits are reaped elsewhere (nudge.h).
  void add_direct_child(HostPid process);
  void remove_direct_child(HostPid process);

 private:
  void run();
  void handle(const seccomp_notif& notification);
  void apply(syscalls::Reply& reply, const WaitingCall& call, HostPid process);
  bool is_direct_child(HostPid process);

  kernel::World& world_;
  const Listener& listener_;
  ExecService& execs_;
  Tracer& tracer_;
  ThreadCache threads_;

  std::mutex role_mutex_;
  std::condition_variable role_free_;
  bool received_ = false;  // some thread has the receiver's role
  int idle_ = 0;           // threads that wait for it

  std::mutex children_mutex_;
  std::unordered_set<HostPid> direct_children_;
};

}  // namespace litebox::monitor
