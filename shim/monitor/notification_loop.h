// Receives notifications and has them answered.
//
// Whoever has received one handles it (receiver_role.h). A handler that may block gives the receiver's role to another thread
// first (while_blocking).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "shim/kernel/world.h"
#include "shim/monitor/exec_service.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/receiver_role.h"
#include "shim/monitor/thread_cache.h"
#include "shim/syscalls/call.h"

namespace litebox::monitor {

class NotificationLoop final : public syscalls::Monitor {
 public:
  NotificationLoop(kernel::World& world, const Listener& listener, ExecService& execs, Tracer& tracer);

  // Starts the first receiver. Its threads end with the process.
  void start() { role_.start(); }

  void while_blocking(const std::function<void()>& work) override;

  // Children of this process, whose exits are reaped elsewhere (nudge.h).
  void add_direct_child(HostPid process);
  void remove_direct_child(HostPid process);

 private:
  void run();
  void handle(const seccomp_notif& notification);
  void apply(syscalls::Reply& reply, const WaitingCall& call, HostPid process);
  void answer(const WaitingCall& call, int64_t value);
  bool is_direct_child(HostPid process);

  kernel::World& world_;
  const Listener& listener_;
  ExecService& execs_;
  Tracer& tracer_;
  ThreadCache threads_;
  ReceiverRole role_;

  std::mutex children_mutex_;
  std::unordered_set<HostPid> direct_children_;
};

}  // namespace litebox::monitor
