// Sockets and their addresses: socket(2), bind(2), connect(2), listen(2), accept(2), getsockname(2), getpeername(2).
//
// The monitor acts on its own copy of the caller's socket, with addresses read once.
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <optional>

#include "shim/kernel/scoped_capabilities.h"
#include "shim/kernel/scoped_user.h"
#include "shim/kernel/unix_peers.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/internet_address.h"
#include "shim/syscalls/socket_address.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

bool has_network(const Call& call) { return call.world.mode().own_network || call.world.mode().host_network; }

bool is_own_peer(const kernel::Loopback& loopback, const sockaddr_storage& peer, socklen_t length) {
  const auto endpoint = kernel::endpoint_in({reinterpret_cast<const char*>(&peer), std::min<size_t>(length, sizeof peer)});
  return endpoint && loopback.is_own(*endpoint);
}

// The peer's address is what accept(2) itself tells: a connection that was reset while it waited still has one.
// An internet address that needs no translation is the kernel's to tell, and to wait for. Of another socket that has come to be
// behind the descriptor meanwhile it tells what recvfrom(2) tells of any.
bool accepts_natively(const Call& call, int domain) {
  return (domain == AF_INET || domain == AF_INET6) && loopback_of(call, domain) == nullptr;
}

Reply accept_from(const Call& call, int flags) {
  LITEBOX_OR_REPLY(const Fd listener, call.file(call.integer(0)));
  const int domain = domain_of(listener.get());
  if (accepts_natively(call, domain)) return Reply::proceed();
  sockaddr_storage peer = {};
  socklen_t length = sizeof peer;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return Reply::error(EINVAL);
  const kernel::Loopback* const loopback = loopback_of(call, domain);
  LITEBOX_OR_REPLY(const int64_t accepted, wait_for(call, [&]() -> int64_t {
                     while (true) {
                       length = sizeof peer;
                       Fd fd(accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &length, flags | SOCK_CLOEXEC));
                       if (!fd) return -errno;
                       // Whoever connects from outside is not of the container's network.
                       if (loopback == nullptr || is_own_peer(*loopback, peer, length)) return fd.release();
                     }
                   }));
  Fd connection(static_cast<int>(accepted));
  if (!call.address(1).null()) {
    const SocketAddress outside(reinterpret_cast<const char*>(&peer), std::min<size_t>(length, sizeof peer));
    const SocketAddress inside =
        loopback == nullptr ? address_inside(outside) : internet_sender(*loopback, connection.get(), outside);
    LITEBOX_CHECK_REPLY(write_address(call, inside, call.address(1), call.address(2)));
  }
  return Reply::fd(std::move(connection), (flags & SOCK_CLOEXEC) != 0);
}

int64_t connect_to(int socket, const SocketAddress& address) {
  const auto* name = reinterpret_cast<const sockaddr*>(address.data());
  return connect(socket, name, static_cast<socklen_t>(address.size())) == 0 ? 0 : -errno;
}

// The other end sees the caller: inside by what is kept here, outside by what the kernel takes down.
Reply connect_unix(const Call& call, int socket, const Destination& destination) {
  auto& peers = kernel::UnixPeers::of_this_container();
  const kernel::Credentials& caller = call.credentials();
  const auto previous = peers.connecting(socket, {call.process, caller.euid, caller.egid});
  const auto result = wait_for(call, [&] {
    std::optional<kernel::ScopedUser> scope;
    if (call.world.mode().speaks_for_guests) scope.emplace(caller);
    return connect_to(socket, destination.address);
  });
  if (!result.ok()) peers.forget(socket, previous);
  return result.ok() ? Reply::value(*result) : Reply::error(result.error());
}

Reply tell_name(const Call& call, int (*query)(int, sockaddr*, socklen_t*)) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  LITEBOX_OR_REPLY(const SocketAddress address, name_of(call, socket.get(), query));
  return Reply::from(write_address(call, address, call.address(1), call.address(2)));
}

}  // namespace

// What comes here: raw sockets, which need a virtual capability, and the families of a network that is not there.
Reply sys_socket(Call& call) {
  const int type = call.integer(1);
  if (kernel::Loopback* const loopback = loopback_of(call, call.integer(0))) {
    LITEBOX_OR_REPLY(Fd created, loopback->make_socket(call.integer(0), type, call.integer(2)));
    return Reply::fd(std::move(created), (type & SOCK_CLOEXEC) != 0);
  }
  if (!has_network(call)) return Reply::error(EAFNOSUPPORT);
  if (!call.credentials().has(CAP_NET_RAW)) return Reply::error(EPERM);
  const kernel::ScopedCapabilities scope(call.credentials());
  Fd created(socket(call.integer(0), type | SOCK_CLOEXEC, call.integer(2)));
  if (!created.valid()) return Reply::error(errno);
  return Reply::fd(std::move(created), (type & SOCK_CLOEXEC) != 0);
}

Reply sys_bind(Call& call) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  LITEBOX_OR_REPLY(const SocketAddress address, read_address(call, call.address(1), call.integer(2)));
  const int domain = domain_of(socket.get());
  if (domain < 0) return Reply::error(-domain);
  if (domain == AF_UNIX) {
    if (family_of(address) != AF_UNIX) return Reply::error(EINVAL);
    return Reply::from(bind_unix(call, socket.get(), address));
  }
  if (kernel::Loopback* const loopback = loopback_of(call, domain)) {
    return Reply::from(bind_internet(call, *loopback, socket.get(), address));
  }
  if (!has_network(call)) return Reply::error(EADDRNOTAVAIL);
  const kernel::ScopedCapabilities scope(call.credentials());
  const auto* name = reinterpret_cast<const sockaddr*>(address.data());
  return bind(socket.get(), name, static_cast<socklen_t>(address.size())) == 0 ? Reply::success() : Reply::error(errno);
}

Reply sys_connect(Call& call) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  LITEBOX_OR_REPLY(const SocketAddress address, read_address(call, call.address(1), call.integer(2)));
  const int domain = domain_of(socket.get());
  if (domain < 0) return Reply::error(-domain);
  if (domain == AF_UNIX) {
    if (family_of(address) != AF_UNIX && family_of(address) != AF_UNSPEC) return Reply::error(EINVAL);
    LITEBOX_OR_REPLY(const Destination destination, destination_outside(call, address));
    return connect_unix(call, socket.get(), destination);
  }
  SocketAddress outside = address;
  if (kernel::Loopback* const loopback = loopback_of(call, domain)) {
    LITEBOX_OR_REPLY(outside, internet_destination(*loopback, socket.get(), address, true));
  } else if (!has_network(call)) {
    return Reply::error(ENETUNREACH);
  }
  LITEBOX_OR_REPLY(const int64_t result, wait_for(call, [&] { return connect_to(socket.get(), outside); }));
  return Reply::value(result);
}

// Only without a network: AF_UNIX's, and those of the container's own loopback.
Reply sys_listen(Call& call) {
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  const int domain = domain_of(socket.get());
  if (domain < 0) return Reply::error(-domain);
  if (kernel::Loopback* const loopback = loopback_of(call, domain)) {
    LITEBOX_CHECK_REPLY(loopback->bind_to_any_port(socket.get()));
    return Reply::proceed();
  }
  // Natively, so that peers see the caller's own id (SO_PEERCRED).
  return domain == AF_UNIX ? Reply::proceed() : Reply::error(EADDRNOTAVAIL);
}

Reply sys_accept(Call& call) { return accept_from(call, 0); }
Reply sys_accept4(Call& call) { return accept_from(call, call.integer(3)); }
Reply sys_getsockname(Call& call) { return tell_name(call, getsockname); }
Reply sys_getpeername(Call& call) { return tell_name(call, getpeername); }

}  // namespace litebox::syscalls
