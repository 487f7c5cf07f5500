// A loopback of the container's own, where it has neither a network namespace nor the host's network.
//
// The container's 127.0.0.1 and ::1 are addresses of the host's 127.0.0.0/8 that no other container has; what a guest names or
// is told is translated here, what it holds is an ordinary socket. Its sockets are bound to such an address from their birth,
// so that no call of the guest's, whatever it races with, gives one of them another address of the host's. Where guests send
// to is an address of these too, and a port that somebody in the container has or that nobody on the host can have
// (loopback_ports.h). IPv6 has one loopback address only, so its sockets carry IPv4-mapped addresses outside.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/kernel/internet_endpoint.h"
#include "shim/kernel/loopback_ports.h"

namespace litebox::kernel {

// Thread-safe.
class Loopback {
 public:
  // Takes 256 addresses of 127.0.0.0/8 that no other container of this network has; EADDRNOTAVAIL.
  static Result<std::unique_ptr<Loopback>> claim();

  // socket(2) of AF_INET or AF_INET6: TCP, UDP, ICMP. EPROTONOSUPPORT, ESOCKTNOSUPPORT, EPERM for raw sockets.
  Result<Fd> make_socket(int domain, int type, int protocol);

  // bind(2): EADDRNOTAVAIL, EADDRINUSE, EACCES for a port below 1024 unless the caller may have one.
  Status bind(int socket, const Endpoint& inside, bool may_have_low_ports);
  // Gives an unbound socket that is to listen a port, on all addresses of its family.
  Status bind_to_any_port(int socket);

  // Where to connect or send to; ENETUNREACH for all but loopback addresses. Refused by the kernel where nobody is there.
  Result<Endpoint> destination(int socket, const Endpoint& inside);

  // What getsockname(2), getpeername(2) and accept(2) tell. ENOTCONN.
  Result<Endpoint> local_name(int socket) const;
  Result<Endpoint> peer_name(int socket) const;
  // Who has sent what arrived at a socket.
  Endpoint sender(int socket, const Endpoint& outside) const;
  // Whether an endpoint outside belongs to the container.
  bool is_own(const Endpoint& outside) const;

  // The ends of a socket as /proc/net/{tcp,udp,...} lists them; nullopt for one that is not the container's.
  struct Ends {
    Endpoint local;
    Endpoint remote;
  };
  std::optional<Ends> listed(int protocol, int domain, const Ends& outside) const;

  // IPV6_V6ONLY, which the kernel is not told; EINVAL for a socket that has a port.
  Status set_only_ipv6(int socket, bool only);
  bool only_ipv6(int socket) const;

 private:
  // Which of the 256 addresses: what stands for one address inside, the wildcard of its family included.
  using Slot = uint8_t;

  // What a socket is bound to inside.
  struct Binding {
    uint64_t cookie = 0;  // of the socket (SO_COOKIE): another one may have got its port
    in6_addr inside = IN6ADDR_ANY_INIT;
    bool takes_ipv4 = false;  // IPv6's wildcard without IPV6_V6ONLY
    uint64_t number = 0;      // counts up with every binding
  };

  Loopback(Fd claim, uint32_t first);

  uint32_t address_of(Slot slot) const { return first_ + slot; }
  Endpoint outside(Slot slot, uint16_t port) const;
  std::optional<Slot> slot_of(const in6_addr& outside) const;
  std::optional<Slot> known_slot(const in6_addr& inside) const;
  Result<Slot> slot_for(const in6_addr& inside);
  in6_addr inside_address(Slot slot) const;

  LoopbackPorts* ports_of(int protocol);
  const LoopbackPorts* ports_of(int protocol) const { return const_cast<Loopback*>(this)->ports_of(protocol); }
  const Binding* binding(int protocol, Slot slot, uint16_t port) const;
  void remember(int socket, int protocol, Slot slot, uint16_t port, Binding binding);
  bool overlaps(int socket, int protocol, Slot slot, uint16_t port, const Binding& wanted) const;
  bool is_used(int protocol, uint16_t port) const;
  Slot receiver(int protocol, const in6_addr& inside, uint16_t port) const;
  Status bind_locked(int socket, const Endpoint& inside);
  Endpoint told(const Endpoint& outside, int protocol, bool as_ipv4) const;

  Fd claim_;
  uint32_t first_;  // of the addresses
  mutable std::mutex mutex_;
  LoopbackPorts tcp_;
  LoopbackPorts udp_;
  Fd nobody_;  // a bound TCP socket that does not listen
  Endpoint nobody_there_;
  std::vector<in6_addr> others_;  // addresses of 127.0.0.0/8 but the first, in the order of their slots
  std::unordered_map<uint64_t, Binding> bindings_;
  uint64_t last_number_ = 0;
  std::unordered_set<uint64_t> only_ipv6_;  // cookies
};

}  // namespace litebox::kernel
