// System V message queues of the container (sysvipc(7), msgget(2), msgop(2), msgctl(2); ipc/msg.c).
#pragma once

#include <linux/msg.h>

#include <ctime>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/gate.h"
#include "shim/kernel/ipc_limits.h"
#include "shim/kernel/process_state.h"
#include "shim/kernel/sysv_ids.h"

namespace litebox::kernel {

struct Message {
  long type = 0;
  std::string text;
};

struct MessageQueueStatus {
  IpcPermissions permissions;
  time_t sent = 0;      // msg_stime
  time_t received = 0;  // msg_rtime
  time_t changed = 0;   // msg_ctime
  size_t bytes = 0;     // msg_cbytes
  size_t messages = 0;  // msg_qnum
  size_t limit = 0;     // msg_qbytes
  HostPid last_sender;
  HostPid last_receiver;
};

// Thread-safe. Errors are those of the manual pages.
class SysvMessages {
 public:
  SysvMessages() : queues_(ipc_limits().queues) {}
  static SysvMessages& of_this_container();

  Result<int> get(const Credentials& caller, key_t key, int flags);
  // `flags`: IPC_NOWAIT. A message's type and size have been checked. kRestartCallUnlessHandled or EINTR when a signal comes.
  Status send(const IpcCaller& caller, int id, Message message, int flags, const Blocking& blocking);
  // A message of at most `room` bytes; `flags`: IPC_NOWAIT, MSG_NOERROR (which cuts it), MSG_EXCEPT, MSG_COPY.
  Result<Message> receive(const IpcCaller& caller, int id, size_t room, long type, int flags, const Blocking& blocking);

  Result<MessageQueueStatus> status(const Credentials& caller, int id) const;
  // MSG_STAT; `any`: MSG_STAT_ANY, without permission.
  Result<MessageQueueStatus> status_at(const Credentials& caller, int index, bool any) const;
  // IPC_SET: owner, mode and the limit of bytes.
  Status set(const Credentials& caller, int id, const struct ipc64_perm& wanted, size_t limit);
  Status remove(const Credentials& caller, int id);

  // For IPC_INFO and MSG_INFO.
  struct Usage {
    int queues = 0;
    int messages = 0;
    int bytes = 0;
    int highest_index = 0;
  };
  Usage usage() const;
  std::vector<MessageQueueStatus> all() const;

 private:
  struct Queue {
    IpcPermissions permissions;
    std::list<Message> messages;
    size_t bytes = 0;
    size_t limit = ipc_limits().queue_bytes;
    time_t sent = 0;
    time_t received = 0;
    time_t changed = 0;
    HostPid last_sender;
    HostPid last_receiver;
    std::list<std::shared_ptr<Gate>> waiters;
    bool removed = false;
  };
  using QueuePointer = std::shared_ptr<Queue>;
  using Lock = std::unique_lock<std::mutex>;

  static MessageQueueStatus describe(const Queue& queue);
  static std::list<Message>::iterator choose(Queue& queue, long type, int flags);
  static void wake(Queue& queue);
  // Waits, unlocked, until the queue has changed.
  static Status wait(Lock& lock, const QueuePointer& queue, HostPid guest, const Blocking& blocking);

  mutable std::mutex mutex_;
  IpcTable<Queue> queues_;
  size_t bytes_ = 0;  // of all queues
};

}  // namespace litebox::kernel
