// recvmsg(2), recvmmsg(2), recvfrom(2) where the kernel's ids or addresses are not the container's: who has sent a message
// (SCM_CREDENTIALS, msg_name, IP_PKTINFO) is translated in what the caller has received, natively.
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shim/syscalls/call.h"
#include "shim/syscalls/control_messages.h"
#include "shim/syscalls/internet_address.h"
#include "shim/syscalls/socket_address.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr uid_t kOverflowId = 65534;
constexpr size_t kMostControl = 64U << 10U;
constexpr size_t kMostMessages = UIO_MAXIOV;
constexpr size_t kMostData = 32U << 20U;
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

// A message that has been received into the caller's memory.
struct Received {
  GuestAddress header;   // its msghdr
  size_t name_room = 0;  // of the buffer for the sender's address, which the kernel has put the address's length in place of
};

std::string read_control(const kernel::GuestMemory& memory, const msghdr& message) {
  std::string control(std::min<size_t>(message.msg_controllen, kMostControl), '\0');
  const GuestAddress address(reinterpret_cast<uint64_t>(message.msg_control));
  return memory.read(address, control.data(), control.size()).ok() ? control : std::string();
}

void translate_credentials(const kernel::World& world, const kernel::GuestMemory& memory, const Received& received) {
  const auto message = memory.read_value<msghdr>(received.header);
  if (!message.ok() || message->msg_controllen < sizeof(cmsghdr)) return;
  const GuestAddress address(reinterpret_cast<uint64_t>(message->msg_control));
  std::string control = read_control(memory, *message);
  (void)for_each_control_message(control, [&](const cmsghdr& header, char* data, size_t size) -> Status {
    if (header.cmsg_level != SOL_SOCKET || header.cmsg_type != SCM_CREDENTIALS) return {};
    translate(world, data, size);
    return memory.write(address + static_cast<uint64_t>(data - control.data()), data, size);
  });
}

void translate_addresses(const kernel::Loopback& loopback, int socket, const kernel::GuestMemory& memory,
                         const Received& received) {
  const auto message = memory.read_value<msghdr>(received.header);
  if (!message.ok()) return;
  const size_t size = std::min<size_t>({message->msg_namelen, received.name_room, sizeof(sockaddr_storage)});
  if (message->msg_name != nullptr && size > 0) {
    const GuestAddress address(reinterpret_cast<uint64_t>(message->msg_name));
    SocketAddress name(size, '\0');
    if (!memory.read(address, name.data(), size).ok()) return;
    name = internet_sender(loopback, socket, name);
    (void)memory.write(address, name.data(), std::min(size, name.size()));
  }
  if (message->msg_controllen < sizeof(cmsghdr)) return;
  std::string control = read_control(memory, *message);
  translate_packet_information(loopback, socket, control);
  (void)memory.write(GuestAddress(reinterpret_cast<uint64_t>(message->msg_control)), control.data(), control.size());
}

// What is to be done with messages that a socket has received; null for nothing.
std::function<void(const Received&)> translation(const Call& call, Fd socket) {
  const int domain = domain_of(socket.get());
  if (const kernel::Loopback* const loopback = loopback_of(call, domain)) {
    const auto shared = std::make_shared<Fd>(std::move(socket));
    return [loopback, shared, memory = call.memory](const Received& received) {
      translate_addresses(*loopback, shared->get(), memory, received);
    };
  }
  if (domain != AF_UNIX || !option(socket.get(), SO_PASSCRED)) return nullptr;
  return
      [&world = call.world, memory = call.memory](const Received& received) { translate_credentials(world, memory, received); };
}

// The call itself is harmless: a held socket. `count` tells how many of the messages have been received, from the result.
Reply receive(const Call& call, std::vector<Received> messages, size_t (*count)(int64_t)) {
  if (call.raw(kMarked) == kMark) return Reply::proceed();
  auto socket = call.file(call.integer(0));
  if (!socket.ok()) return Reply::proceed();
  const auto translate_one = translation(call, std::move(socket).value());
  if (!translate_one) return Reply::proceed();
  for (Received& received : messages) {
    const auto header = call.memory.read_value<msghdr>(received.header);
    if (header.ok()) received.name_room = header->msg_namelen;
  }
  std::array<uint64_t, 6> arguments = call.arguments;
  arguments[kMarked] = kMark;
  Reply::InGuest calls{call.number, {arguments}};
  calls.finish = [translate_one, count, messages = std::move(messages)](int64_t result) {
    const size_t arrived = result < 0 ? 0 : std::min(count(result), messages.size());
    for (size_t i = 0; i < arrived; ++i) translate_one(messages[i]);
    return result;
  };
  return Reply::in_guest(std::move(calls));
}

}  // namespace

Reply sys_recvmsg(Call& call) {
  return receive(call, {{call.address(1)}}, [](int64_t /*size*/) -> size_t { return 1; });
}

Reply sys_recvmmsg(Call& call) {
  std::vector<Received> messages;
  for (size_t i = 0; i < std::min<size_t>(call.flags(2), kMostMessages); ++i) {
    messages.push_back({call.address(1) + i * sizeof(mmsghdr) + offsetof(mmsghdr, msg_hdr)});
  }
  return receive(call, std::move(messages), [](int64_t received) { return static_cast<size_t>(received); });
}

// recvfrom(2) of the container's own loopback, whose senders are told by other addresses than the kernel's: it has no register
// left for a mark, so the monitor receives.
Reply sys_recvfrom(Call& call) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  const int domain = domain_of(socket.get());
  if (domain < 0) return Reply::error(-domain);
  const kernel::Loopback* const loopback = loopback_of(call, domain);
  if (loopback == nullptr) return Reply::proceed();
  std::string data(std::min<size_t>(call.raw(2), kMostData), '\0');
  sockaddr_storage sender = {};
  socklen_t length = 0;
  LITEBOX_OR_REPLY(const int64_t size, wait_for(call, [&]() -> int64_t {
                     length = sizeof sender;
                     const ssize_t received = recvfrom(socket.get(), data.data(), data.size(), call.integer(3),
                                                       reinterpret_cast<sockaddr*>(&sender), &length);
                     return received < 0 ? -errno : received;
                   }));
  if (size < 0) return Reply::value(size);
  LITEBOX_CHECK_REPLY(call.memory.write(call.address(1), data.data(), std::min(static_cast<size_t>(size), data.size())));
  const SocketAddress outside(reinterpret_cast<const char*>(&sender), std::min<size_t>(length, sizeof sender));
  LITEBOX_CHECK_REPLY(write_address(call, internet_sender(*loopback, socket.get(), outside), call.address(4), call.address(5)));
  return Reply::value(size);
}

}  // namespace litebox::syscalls
