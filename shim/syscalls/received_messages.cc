// recvmsg(2), recvmmsg(2) where the kernel's ids are not the container's: who has sent a message (SCM_CREDENTIALS) is
// translated in the control messages that the caller has received, natively.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>

#include "shim/syscalls/call.h"
#include "shim/syscalls/socket_address.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr uid_t kOverflowId = 65534;
constexpr size_t kMostControl = 64U << 10U;
// In a register that these calls do not look at, of a call that the caller is made to do. Whoever puts it there receives
// untranslated.
constexpr size_t kMarked = 5;
constexpr uint64_t kMark = 0x6c697465626f78;

bool option(int socket, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 && value != 0;
}

// What the monitor has sent might be any member's.
ucred sender_inside(const kernel::World& world, const ucred& told) {
  const HostPid process(told.pid);
  if (told.pid == getpid()) return {0, kOverflowId, kOverflowId};
  ucred inside = told;
  inside.pid = peer_inside(world, process);
  if (told.uid != getuid()) return inside;
  const auto state = world.state_of(process);
  inside.uid = state.ok() ? (*state)->credentials->uid : kOverflowId;
  inside.gid = state.ok() ? (*state)->credentials->gid : kOverflowId;
  return inside;
}

// Of credentials that there was no room for, the beginning has been received.
void translate(const kernel::World& world, char* data, size_t size) {
  ucred sender = {};
  if (size < sizeof sender.pid || size > sizeof sender) return;
  std::memcpy(&sender, data, size);
  if (size < sizeof sender) sender.uid = getuid();
  sender = sender_inside(world, sender);
  std::memcpy(data, &sender, size);
}

void translate_received(const kernel::World& world, const kernel::GuestMemory& memory, GuestAddress header_address) {
  const auto message = memory.read_value<msghdr>(header_address);
  if (!message.ok() || message->msg_controllen < sizeof(cmsghdr)) return;
  const GuestAddress address(reinterpret_cast<uint64_t>(message->msg_control));
  std::string control(std::min<size_t>(message->msg_controllen, kMostControl), '\0');
  if (!memory.read(address, control.data(), control.size()).ok()) return;
  size_t at = 0;
  while (at + sizeof(cmsghdr) <= control.size()) {
    cmsghdr header = {};
    std::memcpy(&header, control.data() + at, sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > control.size() - at) return;
    if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_CREDENTIALS) {
      const size_t size = header.cmsg_len - CMSG_LEN(0);
      translate(world, control.data() + at + CMSG_LEN(0), size);
      (void)memory.write(address + at + CMSG_LEN(0), control.data() + at + CMSG_LEN(0), size);
    }
    at += CMSG_ALIGN(header.cmsg_len);
  }
}

// The call itself is harmless: a held socket. `translated` is told its result.
Reply receive(const Call& call, const std::function<void(int64_t)>& translated) {
  if (call.raw(kMarked) == kMark) return Reply::proceed();
  const auto socket = call.file(call.integer(0));
  if (!socket.ok() || domain_of(socket->get()) != AF_UNIX || !option(socket->get(), SO_PASSCRED)) return Reply::proceed();
  std::array<uint64_t, 6> arguments = call.arguments;
  arguments[kMarked] = kMark;
  return Reply::in_guest(Reply::InGuest{call.number, {arguments}, Fd(), 0, [translated](int64_t result) {
                                          if (result >= 0) translated(result);
                                          return result;
                                        }});
}

}  // namespace

Reply sys_recvmsg(Call& call) {
  return receive(call, [&world = call.world, memory = call.memory, header = call.address(1)](int64_t /*size*/) {
    translate_received(world, memory, header);
  });
}

Reply sys_recvmmsg(Call& call) {
  return receive(call, [&world = call.world, memory = call.memory, headers = call.address(1)](int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      translate_received(world, memory, headers + static_cast<uint64_t>(i) * sizeof(mmsghdr) + offsetof(mmsghdr, msg_hdr));
    }
  });
}

}  // namespace litebox::syscalls
