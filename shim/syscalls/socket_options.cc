// getsockopt(2) for the options that name the peer, and the options of a network that is not there.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "shim/kernel/unix_peers.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/internet_address.h"
#include "shim/syscalls/socket_address.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr uid_t kOverflowId = 65534;  // proc_sys_kernel(5), overflowuid: for whoever has no id inside

Reply write_option(const Call& call, const void* value, size_t size) {
  LITEBOX_OR_REPLY(const int room, call.memory.read_value<int>(call.address(4)));
  if (room < 0) return Reply::error(EINVAL);
  const size_t written = std::min(static_cast<size_t>(room), size);
  LITEBOX_CHECK_REPLY(call.memory.write(call.address(3), value, written));
  return Reply::from(call.memory.write_value(call.address(4), static_cast<int>(written)));
}

// The kernel's answer in the container's terms: its process is the monitor for a guest that connected through it, and its ids
// are those that every guest has natively.
ucred credentials_inside(const Call& call, int socket, const ucred& kernel_answer) {
  ucred inside = kernel_answer;
  if (kernel_answer.pid == 0) return inside;
  if (kernel_answer.pid == getpid()) {
    const auto peer = kernel::UnixPeers::of_this_container().peer_of(socket);
    if (peer) return {peer_inside(call.world, peer->process), peer->uid, peer->gid};
    if (call.world.mode().speaks_for_guests) return {0, kernel_answer.uid, kernel_answer.gid};
    return {0, kOverflowId, kOverflowId};
  }
  const HostPid process(kernel_answer.pid);
  inside.pid = peer_inside(call.world, process);
  if (const auto state = call.world.state_of(process); state.ok()) {
    inside.uid = (*state)->credentials->euid;
    inside.gid = (*state)->credentials->egid;
  } else if (call.world.mode().recorded_ownership) {
    inside.uid = inside.gid = kOverflowId;
  }
  return inside;
}

Result<ucred> peer_credentials(const Call& call, int socket) {
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return last_error();
  return credentials_inside(call, socket, credentials);
}

// sk_getsockopt(): ENODATA without a peer; ERANGE, with the length, where there is too little room.
Reply peer_groups(const Call& call, int socket) {
  LITEBOX_OR_REPLY(const ucred peer, peer_credentials(call, socket));
  if (peer.pid == 0) return Reply::error(ENODATA);
  LITEBOX_OR_REPLY(const kernel::ProcessStatePtr state, call.world.state_of(call.world.to_host(VirtualPid(peer.pid))));
  const std::vector<gid_t>& groups = state->credentials->groups;
  LITEBOX_OR_REPLY(const int room, call.memory.read_value<int>(call.address(4)));
  const auto size = static_cast<int>(groups.size() * sizeof(gid_t));
  LITEBOX_CHECK_REPLY(call.memory.write_value(call.address(4), size));
  if (room < size) return Reply::error(ERANGE);
  return Reply::from(call.memory.write(call.address(3), groups.data(), static_cast<size_t>(size)));
}

Reply peer_name(const Call& call, int socket) {
  LITEBOX_OR_REPLY(const SocketAddress address, name_of(call, socket, getpeername));
  LITEBOX_OR_REPLY(const int room, call.memory.read_value<int>(call.address(4)));
  if (room < 0 || address.size() < static_cast<size_t>(room)) return Reply::error(EINVAL);
  return write_option(call, address.data(), address.size());
}

// The kernel knows of none: the sockets of the container's own loopback carry IPv4-mapped addresses outside.
Reply only_ipv6(const Call& call, int socket, int domain) {
  const kernel::Loopback* const loopback = loopback_of(call, domain);
  if (loopback == nullptr || domain != AF_INET6) return Reply::error(domain == AF_UNIX ? EOPNOTSUPP : ENOPROTOOPT);
  const int value = loopback->only_ipv6(socket) ? 1 : 0;
  return write_option(call, &value, sizeof value);
}

Reply set_only_ipv6(const Call& call, kernel::Loopback& loopback, int socket) {
  if (call.integer(4) < static_cast<int>(sizeof(int))) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const int value, call.memory.read_value<int>(call.address(3)));
  return Reply::from(loopback.set_only_ipv6(socket, value != 0));
}

bool names_group(int level, int option) {
  return (level == SOL_IP && option >= IP_MULTICAST_IF && option <= MCAST_MSFILTER) ||
         (level == SOL_IPV6 && option >= IPV6_MULTICAST_IF && option <= MCAST_MSFILTER);
}

}  // namespace

Reply sys_getsockopt(Call& call) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  const int domain = domain_of(socket.get());
  if (domain < 0) return Reply::error(-domain);
  if (call.integer(1) == SOL_IPV6) return only_ipv6(call, socket.get(), domain);
  switch (call.integer(2)) {
    case SO_PEERCRED: {
      LITEBOX_OR_REPLY(const ucred credentials, peer_credentials(call, socket.get()));
      return write_option(call, &credentials, sizeof credentials);
    }
    case SO_PEERGROUPS:
      return peer_groups(call, socket.get());
    case SO_PEERNAME:
      return peer_name(call, socket.get());
    default:
      return Reply::error(ENOPROTOOPT);
  }
}

// Without a network: AF_UNIX sockets have no options of a protocol; those of the container's own loopback have no groups and
// no interfaces to name, and what the table does not let through is as if it was not built in.
Reply sys_setsockopt(Call& call) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  const int domain = domain_of(socket.get());
  if (domain < 0) return Reply::error(-domain);
  kernel::Loopback* const loopback = loopback_of(call, domain);
  if (loopback == nullptr) return Reply::error(EOPNOTSUPP);
  const int level = call.integer(1);
  const int option = call.integer(2);
  if (domain == AF_INET6 && level == SOL_IPV6 && option == IPV6_V6ONLY) return set_only_ipv6(call, *loopback, socket.get());
  return Reply::error(names_group(level, option) ? ENODEV : ENOPROTOOPT);
}

}  // namespace litebox::syscalls
