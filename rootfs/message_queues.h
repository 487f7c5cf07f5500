// POSIX message queues of the container (mq_overview(7), ipc/mqueue.c).
//
// A queue is one of the host kernel's, made under a random name that is taken away at once: what a guest holds is a real
// queue's descriptor, on which sending, receiving, notification and poll are the kernel's own. The names are kept here, and
// with them owner and mode, which are checked as Linux does.
//
// Differences: the host's own limits hold as well for a monitor without CAP_SYS_RESOURCE (fs.mqueue.msg_max and the like, and
// RLIMIT_MSGQUEUE of the user who started the container); a queue whose name is gone no longer counts against queues_max.
#pragma once

#include <mqueue.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/access.h"
#include "rootfs/descriptor_registry.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

// proc_sys_fs(5), /proc/sys/fs/mqueue.
struct MessageQueueLimits {
  long queues = 256;           // queues_max
  long messages = 10;          // msg_max
  long message_bytes = 8192;   // msgsize_max
  long default_messages = 10;  // msg_default
  long default_bytes = 8192;   // msgsize_default
};

// `settings`: by path below /proc/sys; EINVAL for a value of the wrong form.
Result<MessageQueueLimits> read_message_queue_limits(const std::map<std::string, std::string>& settings);

struct MessageQueue {
  std::string name;
  Fd descriptor;  // open for reading and writing
  NodeKey key;    // of the kernel's inode
  std::mutex mutex;
  FileOwnership owner;  // guarded by mutex
};
using MessageQueuePtr = std::shared_ptr<MessageQueue>;

// Thread-safe.
class MessageQueues {
 public:
  static MessageQueues& of_this_container();
  void set_limits(const MessageQueueLimits& limits) { limits_ = limits; }

  // mq_open(3) of one path component: `flags` of O_ACCMODE, O_NONBLOCK, O_CREAT, O_EXCL. `attributes` of a new queue, none:
  // the defaults. `room`: the caller's RLIMIT_MSGQUEUE, in bytes.
  Result<Fd> open(const Subject& subject, const std::string& name, int flags, mode_t mode,
                  const std::optional<mq_attr>& attributes, uint64_t room);
  Status unlink(const Subject& subject, const std::string& name);

  MessageQueuePtr find(const std::string& name) const;
  MessageQueuePtr find(const NodeKey& key) const;
  std::vector<std::string> names() const;

  // A new description of a queue, with the permission that `flags` need.
  static Result<Fd> reopen(const Subject& subject, MessageQueue& queue, int flags);

 private:
  Result<MessageQueuePtr> make(const Subject& subject, const std::string& name, mode_t mode,
                               const std::optional<mq_attr>& attributes, uint64_t room) const;
  uint64_t bytes_of(uid_t owner) const;

  MessageQueueLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, MessageQueuePtr> queues_;
};

// The root of the file system "mqueue", which shows the container's queues.
NodePtr make_mqueue(const std::shared_ptr<DescriptorRegistry>& registry);

}  // namespace litebox::rootfs
