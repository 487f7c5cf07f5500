// mq_open(2), mq_unlink(2) (ipc/mqueue.c); the rest is native, on the queue's descriptor.
#include "rootfs/message_queues.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

Reply sys_mq_open(Call& call) {
  std::optional<mq_attr> attributes;
  if (!call.address(3).null()) {
    LITEBOX_OR_REPLY(attributes, call.memory.read_value<mq_attr>(call.address(3)));
  }
  LITEBOX_OR_REPLY(const std::string name, call.path(0));
  struct rlimit64 limit {};
  if (::prlimit64(call.process.value(), RLIMIT_MSGQUEUE, nullptr, &limit) != 0) return Reply::error(ESRCH);
  LITEBOX_OR_REPLY(
      Fd queue, rootfs::MessageQueues::of_this_container().open(call.subject(), name, call.integer(1),
                                                                static_cast<mode_t>(call.raw(2)), attributes, limit.rlim_cur));
  return Reply::fd(std::move(queue), true);
}

Reply sys_mq_unlink(Call& call) {
  LITEBOX_OR_REPLY(const std::string name, call.path(0));
  return Reply::from(rootfs::MessageQueues::of_this_container().unlink(call.subject(), name));
}

}  // namespace litebox::syscalls
