// msgget(2), msgsnd(2), msgrcv(2), msgctl(2) (ipc/msg.c).
#include "shim/kernel/sysv_messages.h"

#include "shim/kernel/ipc_limits.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/ipc_caller.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::SysvMessages;

SysvMessages& messages() { return SysvMessages::of_this_container(); }

msqid64_ds describe(const Call& call, const kernel::MessageQueueStatus& status) {
  msqid64_ds description{};
  description.msg_perm = describe_ipc_permissions(status.permissions);
  description.msg_stime = status.sent;
  description.msg_rtime = status.received;
  description.msg_ctime = status.changed;
  description.msg_cbytes = status.bytes;
  description.msg_qnum = status.messages;
  description.msg_qbytes = status.limit;
  description.msg_lspid = visible_pid(call, status.last_sender);
  description.msg_lrpid = visible_pid(call, status.last_receiver);
  return description;
}

Reply limits(const Call& call, bool with_usage) {
  const SysvMessages::Usage usage = messages().usage();
  msginfo information{};
  information.msgpool = with_usage ? usage.queues : MSGPOOL;
  information.msgmap = with_usage ? usage.messages : MSGMAP;
  const kernel::IpcLimits& limits = kernel::ipc_limits();
  information.msgmax = static_cast<int>(limits.message_bytes);
  information.msgmnb = static_cast<int>(limits.queue_bytes);
  information.msgmni = static_cast<int>(limits.queues);
  information.msgssz = MSGSSZ;
  information.msgtql = with_usage ? usage.bytes : MSGTQL;
  information.msgseg = MSGSEG;
  LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), information));
  return Reply::value(usage.highest_index);
}

}  // namespace

Reply sys_msgget(Call& call) {
  const Result<int> id = messages().get(call.credentials(), call.integer(0), call.integer(1));
  return id.ok() ? Reply::value(*id) : Reply::error(id.error());
}

Reply sys_msgsnd(Call& call) {
  LITEBOX_OR_REPLY(const long type, call.memory.read_value<long>(call.address(1)));
  const uint64_t size = call.raw(2);
  if (size > kernel::ipc_limits().message_bytes || call.integer(0) < 0 || type < 1) return Reply::error(EINVAL);
  kernel::Message message{type, std::string(size, '\0')};
  LITEBOX_CHECK_REPLY(call.memory.read(GuestAddress(call.raw(1) + sizeof type), message.text.data(), size));
  return Reply::from(messages().send(ipc_caller(call), call.integer(0), std::move(message), call.integer(3), blocking(call)));
}

Reply sys_msgrcv(Call& call) {
  const auto room = static_cast<int64_t>(call.raw(2));
  const auto type = static_cast<long>(call.raw(3));
  const int flags = call.integer(4);
  if (call.integer(0) < 0 || room < 0) return Reply::error(EINVAL);
  if ((flags & MSG_COPY) != 0 && ((flags & MSG_EXCEPT) != 0 || (flags & IPC_NOWAIT) == 0)) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const kernel::Message message, messages().receive(ipc_caller(call), call.integer(0),
                                                                     static_cast<size_t>(room), type, flags, blocking(call)));
  LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(1), message.type));
  LITEBOX_CHECK_REPLY(
      call.memory.write(GuestAddress(call.raw(1) + sizeof message.type), message.text.data(), message.text.size()));
  return Reply::value(static_cast<int64_t>(message.text.size()));
}

Reply sys_msgctl(Call& call) {
  const int id = call.integer(0);
  const int command = call.integer(1);
  const kernel::Credentials& caller = call.credentials();
  if (id < 0 || command < 0) return Reply::error(EINVAL);
  switch (command) {
    case IPC_INFO:
    case MSG_INFO:
      return limits(call, command == MSG_INFO);
    case IPC_STAT: {
      LITEBOX_OR_REPLY(const auto status, messages().status(caller, id));
      return Reply::from(call.memory.write_value(call.address(2), describe(call, status)));
    }
    case MSG_STAT:
    case MSG_STAT_ANY: {
      LITEBOX_OR_REPLY(const auto status, messages().status_at(caller, id, command == MSG_STAT_ANY));
      LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(2), describe(call, status)));
      return Reply::value(status.permissions.id);
    }
    case IPC_SET: {
      LITEBOX_OR_REPLY(const auto wanted, call.memory.read_value<msqid64_ds>(call.address(2)));
      return Reply::from(messages().set(caller, id, wanted.msg_perm, wanted.msg_qbytes));
    }
    case IPC_RMID:
      return Reply::from(messages().remove(caller, id));
    default:
      return Reply::error(EINVAL);
  }
}

}  // namespace litebox::syscalls
