#include "shim/kernel/sysv_messages.h"

#include <sys/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "shim/kernel/pending_signals.h"

namespace litebox::kernel {
namespace {

constexpr unsigned kRead = S_IRUSR | S_IRGRP | S_IROTH;
constexpr unsigned kWrite = S_IWUSR | S_IWGRP | S_IWOTH;
// Of all queues together: the monitor holds what the kernel would charge to the container's memory.
constexpr size_t kMostBytes = size_t{64} << 20U;

}  // namespace

SysvMessages& SysvMessages::of_this_container() {
  static auto* messages = new SysvMessages;  // never destroyed: threads use it until the process ends
  return *messages;
}

Result<int> SysvMessages::get(const Credentials& caller, key_t key, int flags) {
  const std::scoped_lock lock(mutex_);
  return queues_.get(
      caller, key, flags, [](const Queue& /*queue*/) -> Status { return {}; },
      []() -> Result<QueuePointer> {
        auto queue = std::make_shared<Queue>();
        queue->changed = time(nullptr);
        return queue;
      });
}

void SysvMessages::wake(Queue& queue) {
  for (const auto& gate : queue.waiters) gate->open();
  queue.waiters.clear();
}

Status SysvMessages::wait(Lock& lock, const QueuePointer& queue, HostPid guest, const Blocking& blocking) {
  const auto gate = std::make_shared<Gate>();
  queue->waiters.push_back(gate);
  lock.unlock();
  Result<bool> passed = false;
  blocking([&] { passed = gate->wait(guest, std::nullopt); });
  lock.lock();
  queue->waiters.remove(gate);
  if (queue->removed) return Error(EIDRM);
  if (passed.ok()) return {};
  return Error(passed.error().number() == kRestartCall ? kRestartCallUnlessHandled : passed.error().number());
}

Status SysvMessages::send(const IpcCaller& caller, int id, Message message, int flags, const Blocking& blocking) {
  Lock lock(mutex_);
  LITEBOX_ASSIGN(const QueuePointer queue, queues_.find(id));
  while (true) {
    LITEBOX_TRY(check_ipc_access(queue->permissions, caller.credentials, kWrite));
    // msg_fits_inqueue()
    if (queue->bytes + message.text.size() <= queue->limit && queue->messages.size() + 1 <= queue->limit) break;
    if ((flags & IPC_NOWAIT) != 0) return Error(EAGAIN);
    LITEBOX_TRY(wait(lock, queue, caller.thread, blocking));
  }
  if (bytes_ + message.text.size() > kMostBytes) return Error(ENOMEM);
  queue->last_sender = caller.process;
  queue->sent = time(nullptr);
  queue->bytes += message.text.size();
  bytes_ += message.text.size();
  queue->messages.push_back(std::move(message));
  wake(*queue);
  return {};
}

// convert_mode(), testmsg(): which message a receiver gets.
std::list<Message>::iterator SysvMessages::choose(Queue& queue, long type, int flags) {
  auto& messages = queue.messages;
  if ((flags & MSG_COPY) != 0) {
    if (type < 0 || static_cast<size_t>(type) >= messages.size()) return messages.end();
    return std::next(messages.begin(), type);
  }
  if (type == 0) return messages.begin();
  if (type > 0) {
    const bool except = (flags & MSG_EXCEPT) != 0;
    return std::find_if(messages.begin(), messages.end(), [=](const Message& each) { return (each.type == type) != except; });
  }
  const long highest = type == LONG_MIN ? LONG_MAX : -type;
  auto best = messages.end();
  for (auto each = messages.begin(); each != messages.end(); ++each) {
    if (each->type <= highest && (best == messages.end() || each->type < best->type)) best = each;
  }
  return best;
}

Result<Message> SysvMessages::receive(const IpcCaller& caller, int id, size_t room, long type, int flags,
                                      const Blocking& blocking) {
  Lock lock(mutex_);
  LITEBOX_ASSIGN(const QueuePointer queue, queues_.find(id));
  while (true) {
    LITEBOX_TRY(check_ipc_access(queue->permissions, caller.credentials, kRead));
    const auto chosen = choose(*queue, type, flags);
    if (chosen == queue->messages.end()) {
      if ((flags & IPC_NOWAIT) != 0) return Error(ENOMSG);
      LITEBOX_TRY(wait(lock, queue, caller.thread, blocking));
      continue;
    }
    if (chosen->text.size() > room && (flags & MSG_NOERROR) == 0) return Error(E2BIG);
    if ((flags & MSG_COPY) != 0) {
      if (chosen->text.size() > room) return Error(EINVAL);  // copy_msg()
      return *chosen;
    }
    Message message = std::move(*chosen);
    queue->messages.erase(chosen);
    queue->bytes -= message.text.size();
    bytes_ -= message.text.size();
    queue->received = time(nullptr);
    queue->last_receiver = caller.process;
    wake(*queue);
    if (message.text.size() > room) message.text.resize(room);
    return message;
  }
}

MessageQueueStatus SysvMessages::describe(const Queue& queue) {
  return {queue.permissions,     queue.sent,  queue.received,    queue.changed,      queue.bytes,
          queue.messages.size(), queue.limit, queue.last_sender, queue.last_receiver};
}

Result<MessageQueueStatus> SysvMessages::status(const Credentials& caller, int id) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const QueuePointer queue, queues_.find(id));
  LITEBOX_TRY(check_ipc_access(queue->permissions, caller, kRead));
  return describe(*queue);
}

Result<MessageQueueStatus> SysvMessages::status_at(const Credentials& caller, int index, bool any) const {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const QueuePointer queue, queues_.at(index));
  if (!any) LITEBOX_TRY(check_ipc_access(queue->permissions, caller, kRead));
  return describe(*queue);
}

Status SysvMessages::set(const Credentials& caller, int id, const struct ipc64_perm& wanted, size_t limit) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const QueuePointer queue, queues_.find(id));
  LITEBOX_TRY(check_ipc_owner(queue->permissions, caller));
  if (limit > ipc_limits().queue_bytes && !caller.has(CAP_SYS_RESOURCE)) return Error(EPERM);
  set_ipc_permissions(queue->permissions, wanted);
  queue->limit = limit;
  queue->changed = time(nullptr);
  wake(*queue);  // stricter permissions, or more room
  return {};
}

Status SysvMessages::remove(const Credentials& caller, int id) {
  const std::scoped_lock lock(mutex_);
  LITEBOX_ASSIGN(const QueuePointer queue, queues_.find(id));
  LITEBOX_TRY(check_ipc_owner(queue->permissions, caller));
  queue->removed = true;
  bytes_ -= queue->bytes;
  wake(*queue);
  queues_.remove(*queue);
  return {};
}

SysvMessages::Usage SysvMessages::usage() const {
  const std::scoped_lock lock(mutex_);
  Usage usage{static_cast<int>(queues_.objects().size()), 0, static_cast<int>(bytes_), queues_.highest_index()};
  for (const auto& [index, queue] : queues_.objects()) usage.messages += static_cast<int>(queue->messages.size());
  return usage;
}

std::vector<MessageQueueStatus> SysvMessages::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<MessageQueueStatus> result;
  for (const auto& [index, queue] : queues_.objects()) result.push_back(describe(*queue));
  return result;
}

}  // namespace litebox::kernel
