#include "shim/kernel/loopback.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

namespace litebox::kernel {
namespace {

constexpr uint32_t kLoopbackNetwork = 127U << 24U;
constexpr uint32_t kBlockSize = 256;
// 127.16.0.0 and on: addresses below are in use, 127.0.1.1 by Debian, 127.0.0.53 by systemd.
constexpr uint32_t kFirstBlock = 0x1000;
constexpr uint32_t kLastBlock = 0xfeff;
constexpr int kAttempts = 64;

constexpr uint8_t kIpv4Slot = 1;
constexpr uint8_t kIpv6Slot = 2;
constexpr uint8_t kFirstOtherSlot = 3;
constexpr uint8_t kReservingSlot = 254;
constexpr size_t kMostOthers = kReservingSlot - kFirstOtherSlot;

constexpr size_t kMostBindings = 65536;
constexpr size_t kMostOnlyIpv6 = 4096;
constexpr uint16_t kFirstUnprivilegedPort = 1024;  // ip_unprivileged_port_start

int option(int socket, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(socket, level, name, &value, &length) == 0 ? value : 0;
}

int domain_of(int socket) { return option(socket, SOL_SOCKET, SO_DOMAIN); }
int protocol_of(int socket) { return option(socket, SOL_SOCKET, SO_PROTOCOL); }

uint64_t cookie_of(int socket) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

Status bind_outside(int socket, int domain, const Endpoint& outside) {
  const std::string address = socket_address_of(domain, outside);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size())) != 0) {
    return last_error();
  }
  return {};
}

// The address alone; the port comes with the first use, or with another bind.
Status bind_without_port(int socket, int domain, const Endpoint& outside) {
  const int before = option(socket, SOL_IP, IP_BIND_ADDRESS_NO_PORT);
  const int on = 1;
  if (setsockopt(socket, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) return last_error();
  Status bound = bind_outside(socket, domain, outside);
  if (setsockopt(socket, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &before, sizeof before) != 0 && bound.ok()) return last_error();
  return bound;
}

Result<Endpoint> ask(int socket, int (*query)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  if (query(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return last_error();
  const auto endpoint = endpoint_in({reinterpret_cast<const char*>(&storage), length});
  return endpoint ? Result<Endpoint>(*endpoint) : Result<Endpoint>(Error(EAFNOSUPPORT));
}

uint64_t key_of(int protocol, uint8_t slot, uint16_t port) {
  return static_cast<uint64_t>(static_cast<unsigned>(protocol)) << 32U | static_cast<uint64_t>(slot) << 16U | port;
}

// Whether another socket could be bound there beside what there is, with the same permission to share as `like` has.
bool is_free(int protocol, const Endpoint& outside, int like) {
  const Fd probe(::socket(AF_INET, (protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, protocol));
  if (!probe) return false;
  for (const int sharing : {SO_REUSEADDR, SO_REUSEPORT}) {
    const int value = like < 0 ? 0 : option(like, SOL_SOCKET, sharing);
    (void)setsockopt(probe.get(), SOL_SOCKET, sharing, &value, sizeof value);
  }
  return bind_outside(probe.get(), AF_INET, outside).ok();
}

bool is_loopback(const in6_addr& address) {
  const auto ipv4 = ipv4_of(address);
  return ipv4 ? (*ipv4 & 0xff000000U) == kLoopbackNetwork : IN6_IS_ADDR_LOOPBACK(&address);
}

bool same(const in6_addr& one, const in6_addr& other) { return std::memcmp(&one, &other, sizeof one) == 0; }

}  // namespace

// Abstract AF_UNIX names belong to a network as its addresses do, and go with the process that has them.
Result<std::unique_ptr<Loopback>> Loopback::claim() {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) return last_error();
    const uint32_t block = kFirstBlock + number % (kLastBlock - kFirstBlock);
    const uint32_t first = kLoopbackNetwork + block * kBlockSize;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const int size = std::snprintf(&address.sun_path[1], sizeof address.sun_path - 1, "litebox-loopback/127.%u.%u",
                                   block / kBlockSize, block % kBlockSize);
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return last_error();
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<size_t>(size));
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      if (errno == EADDRINUSE) continue;
      return last_error();
    }
    std::unique_ptr<Loopback> loopback(new Loopback(std::move(socket), first));
    LITEBOX_ASSIGN(loopback->nobody_, loopback->make_socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    LITEBOX_TRY(bind_outside(loopback->nobody_.get(), AF_INET, loopback->outside(kReservingSlot, 0)));
    LITEBOX_ASSIGN(loopback->nobody_there_, ask(loopback->nobody_.get(), getsockname));
    return loopback;
  }
  return Error(EADDRNOTAVAIL);
}

Loopback::Loopback(Fd claim, uint32_t first)
    : claim_(std::move(claim)),
      first_(first),
      tcp_(IPPROTO_TCP, first + kReservingSlot, [this](uint16_t port) { return is_used(IPPROTO_TCP, port); }),
      udp_(IPPROTO_UDP, first + kReservingSlot, [this](uint16_t port) { return is_used(IPPROTO_UDP, port); }) {}

Endpoint Loopback::outside(Slot slot, uint16_t port) const { return {mapped_address(address_of(slot)), port}; }

std::optional<Loopback::Slot> Loopback::slot_of(const in6_addr& outside) const {
  const auto address = ipv4_of(outside);
  if (!address || *address - first_ >= kBlockSize) return std::nullopt;
  return static_cast<Slot>(*address - first_);
}

std::optional<Loopback::Slot> Loopback::known_slot(const in6_addr& inside) const {
  const auto ipv4 = ipv4_of(inside);
  if (!ipv4) return kIpv6Slot;
  if (*ipv4 == INADDR_ANY || *ipv4 == INADDR_LOOPBACK) return kIpv4Slot;
  for (size_t i = 0; i < others_.size(); ++i) {
    if (same(others_[i], inside)) return static_cast<Slot>(kFirstOtherSlot + i);
  }
  return std::nullopt;
}

Result<Loopback::Slot> Loopback::slot_for(const in6_addr& inside) {
  if (!is_wildcard(inside) && !is_loopback(inside)) return Error(EADDRNOTAVAIL);
  if (const auto known = known_slot(inside)) return *known;
  if (others_.size() == kMostOthers) return Error(EADDRNOTAVAIL);
  others_.push_back(inside);
  return static_cast<Slot>(kFirstOtherSlot + others_.size() - 1);
}

in6_addr Loopback::inside_address(Slot slot) const {
  if (slot == kIpv6Slot) return in6addr_loopback;
  const size_t other = static_cast<size_t>(slot) - kFirstOtherSlot;
  return slot >= kFirstOtherSlot && other < others_.size() ? others_[other] : mapped_address(INADDR_LOOPBACK);
}

LoopbackPorts* Loopback::ports_of(int protocol) {
  if (protocol == IPPROTO_TCP) return &tcp_;
  return protocol == IPPROTO_UDP ? &udp_ : nullptr;
}

const Loopback::Binding* Loopback::binding(int protocol, Slot slot, uint16_t port) const {
  const auto found = bindings_.find(key_of(protocol, slot, port));
  return found == bindings_.end() ? nullptr : &found->second;
}

void Loopback::remember(int socket, int protocol, Slot slot, uint16_t port, Binding binding) {
  if (bindings_.size() >= kMostBindings) bindings_.clear();  // sockets then show their family's wildcard
  binding.cookie = cookie_of(socket);
  binding.number = ++last_number_;
  bindings_[key_of(protocol, slot, port)] = binding;
}

// What the kernel would refuse if the addresses outside were one.
bool Loopback::overlaps(int socket, int protocol, Slot slot, uint16_t port, const Binding& wanted) const {
  const auto conflicts = [&](Slot other) {
    const Binding* const there = binding(protocol, other, port);
    if (other == slot || there == nullptr) return false;
    const bool ipv4_meets =
        slot != kIpv6Slot && other != kIpv6Slot && (is_wildcard(wanted.inside) || is_wildcard(there->inside));
    const bool both_families = (wanted.takes_ipv4 && other != kIpv6Slot) || (there->takes_ipv4 && slot != kIpv6Slot);
    return (ipv4_meets || both_families) && !is_free(protocol, outside(other, port), socket);
  };
  for (size_t other = kIpv4Slot; other < kFirstOtherSlot + others_.size(); ++other) {
    if (conflicts(static_cast<Slot>(other))) return true;
  }
  return false;
}

bool Loopback::is_used(int protocol, uint16_t port) const {
  for (size_t slot = kIpv4Slot; slot < kFirstOtherSlot + others_.size(); ++slot) {
    if (!is_free(protocol, outside(static_cast<Slot>(slot), port), -1)) return true;
  }
  return false;
}

// Whose of the container's addresses a packet to `inside` arrives at: the socket's that was bound last, of those that take it.
Loopback::Slot Loopback::receiver(int protocol, const in6_addr& inside, uint16_t port) const {
  const auto exact = known_slot(inside);
  if (exact == kIpv6Slot) return kIpv6Slot;
  uint64_t latest = 0;
  Slot chosen = kIpv4Slot;
  const auto consider = [&](Slot slot, bool takes_it) {
    const Binding* const there = binding(protocol, slot, port);
    if (there == nullptr || there->number < latest || !takes_it) return;
    latest = there->number;
    chosen = slot;
  };
  if (exact) consider(*exact, true);
  const Binding* const ipv4 = binding(protocol, kIpv4Slot, port);
  consider(kIpv4Slot, ipv4 != nullptr && is_wildcard(ipv4->inside));
  const Binding* const ipv6 = binding(protocol, kIpv6Slot, port);
  consider(kIpv6Slot, ipv6 != nullptr && ipv6->takes_ipv4);
  return chosen;
}

Result<Fd> Loopback::make_socket(int domain, int type, int protocol) {
  const int kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (kind == SOCK_RAW) return Error(EPERM);
  if (kind != SOCK_STREAM && kind != SOCK_DGRAM) return Error(ESOCKTNOSUPPORT);
  const bool supported = kind == SOCK_STREAM ? protocol == 0 || protocol == IPPROTO_TCP
                                             : protocol == 0 || protocol == IPPROTO_UDP ||
                                                   protocol == (domain == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  if (!supported) return Error(EPROTONOSUPPORT);
  Fd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
  if (!socket) return last_error();
  const int off = 0;
  if (domain == AF_INET6 && setsockopt(socket.get(), SOL_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) return last_error();
  if (protocol == IPPROTO_ICMPV6) return Error(EACCES);  // ping_group_range: it has no mapped addresses
  LITEBOX_TRY(bind_without_port(socket.get(), domain, outside(domain == AF_INET ? kIpv4Slot : kIpv6Slot, 0)));
  return socket;
}

Status Loopback::bind_locked(int socket, const Endpoint& inside) {
  const int domain = domain_of(socket);
  const int protocol = protocol_of(socket);
  LITEBOX_ASSIGN(const Endpoint before, ask(socket, getsockname));
  if (!slot_of(before.address) || before.port != 0) return Error(EINVAL);
  LITEBOX_ASSIGN(const Slot slot, slot_for(inside.address));
  LoopbackPorts* const ports = ports_of(protocol);
  uint16_t port = inside.port;
  if (ports != nullptr && port != 0) {
    LITEBOX_ASSIGN(port, ports->reserve(inside.port));
  }
  Binding wanted;
  wanted.inside = inside.address;
  wanted.takes_ipv4 = slot == kIpv6Slot && is_wildcard(inside.address) && only_ipv6_.count(cookie_of(socket)) == 0;
  if (port != 0 && overlaps(socket, protocol, slot, port, wanted)) return Error(EADDRINUSE);
  LITEBOX_TRY(bind_outside(socket, domain, outside(slot, port)));
  LITEBOX_ASSIGN(const Endpoint bound, ask(socket, getsockname));
  if (bound.port != 0) remember(socket, protocol, slot, bound.port, wanted);
  return {};
}

Status Loopback::bind(int socket, const Endpoint& inside, bool may_have_low_ports) {
  const std::lock_guard lock(mutex_);
  if (only_ipv6_.count(cookie_of(socket)) != 0 && ipv4_of(inside.address)) return Error(EINVAL);
  if (!is_wildcard(inside.address) && !is_loopback(inside.address)) return Error(EADDRNOTAVAIL);
  if (inside.port != 0 && inside.port < kFirstUnprivilegedPort && !may_have_low_ports) return Error(EACCES);
  return bind_locked(socket, inside);
}

Status Loopback::bind_to_any_port(int socket) {
  const std::lock_guard lock(mutex_);
  LITEBOX_ASSIGN(const Endpoint now, ask(socket, getsockname));
  if (!slot_of(now.address)) return Error(EADDRNOTAVAIL);
  if (now.port != 0) return {};
  return bind_locked(socket, {domain_of(socket) == AF_INET ? mapped_address(INADDR_ANY) : in6addr_any, 0});
}

Result<Endpoint> Loopback::destination(int socket, const Endpoint& inside) {
  const std::lock_guard lock(mutex_);
  const int domain = domain_of(socket);
  in6_addr address = inside.address;
  if (is_wildcard(address)) address = ipv4_of(address) ? mapped_address(INADDR_LOOPBACK) : in6addr_loopback;
  const auto ipv4 = ipv4_of(address);
  if (!is_loopback(address) || (ipv4 && only_ipv6_.count(cookie_of(socket)) != 0)) return Error(ENETUNREACH);
  LITEBOX_ASSIGN(const Endpoint local, ask(socket, getsockname));
  if (!slot_of(local.address)) return Error(ENETUNREACH);
  const int protocol = protocol_of(socket);
  // An IPv6 socket that speaks IPv4 has an IPv4 address from then on.
  if (domain == AF_INET6 && ipv4 && local.port == 0 && protocol == IPPROTO_TCP) {
    LITEBOX_TRY(bind_without_port(socket, domain, outside(kIpv4Slot, 0)));
  }
  LoopbackPorts* const ports = ports_of(protocol);
  if (ports == nullptr || inside.port == 0) return outside(ipv4 ? kIpv4Slot : kIpv6Slot, inside.port);
  std::optional<uint16_t> port = ports->find(inside.port);
  if (!port && protocol == IPPROTO_TCP) return nobody_there_;
  if (!port) {
    // Whoever takes the port later receives what is sent from then on.
    LITEBOX_ASSIGN(port, ports->reserve(inside.port));
  }
  return outside(receiver(protocol, address, *port), *port);
}

Endpoint Loopback::told(const Endpoint& outside, int protocol, bool as_ipv4) const {
  const auto slot = slot_of(outside.address);
  if (!slot) return outside;
  const LoopbackPorts* const ports = ports_of(protocol);
  const uint16_t port = ports == nullptr ? outside.port : ports->inside(outside.port);
  return {as_ipv4 && *slot == kIpv6Slot ? mapped_address(INADDR_LOOPBACK) : inside_address(*slot), port};
}

Result<Endpoint> Loopback::local_name(int socket) const {
  const std::lock_guard lock(mutex_);
  LITEBOX_ASSIGN(const Endpoint local, ask(socket, getsockname));
  const auto slot = slot_of(local.address);
  if (!slot) return local;
  const int protocol = protocol_of(socket);
  const auto peer = ask(socket, getpeername);
  if (peer.ok()) {
    const auto peer_slot = slot_of(peer->address);
    return told(local, protocol, peer_slot && *peer_slot != kIpv6Slot);
  }
  const in6_addr wildcard = domain_of(socket) == AF_INET ? mapped_address(INADDR_ANY) : in6addr_any;
  const Binding* const bound = binding(protocol, *slot, local.port);
  const bool known = bound != nullptr && bound->cookie == cookie_of(socket);
  return Endpoint{known ? bound->inside : wildcard, told(local, protocol, false).port};
}

Result<Endpoint> Loopback::peer_name(int socket) const {
  const std::lock_guard lock(mutex_);
  LITEBOX_ASSIGN(const Endpoint peer, ask(socket, getpeername));
  LITEBOX_ASSIGN(const Endpoint local, ask(socket, getsockname));
  const auto local_slot = slot_of(local.address);
  return told(peer, protocol_of(socket), local_slot && *local_slot != kIpv6Slot);
}

Endpoint Loopback::sender(int socket, const Endpoint& outside) const {
  const std::lock_guard lock(mutex_);
  const auto local = ask(socket, getsockname);
  const auto local_slot = local.ok() ? slot_of(local->address) : std::nullopt;
  return told(outside, protocol_of(socket), local_slot && *local_slot != kIpv6Slot);
}

bool Loopback::is_own(const Endpoint& outside) const { return slot_of(outside.address).has_value(); }

std::optional<Loopback::Ends> Loopback::listed(int protocol, int domain, const Ends& outside) const {
  const std::lock_guard lock(mutex_);
  const auto slot = slot_of(outside.local.address);
  if (!slot || *slot == kReservingSlot) return std::nullopt;
  const auto remote_slot = slot_of(outside.remote.address);
  const bool as_ipv4 = remote_slot && *remote_slot != kIpv6Slot;
  if (remote_slot) return Ends{told(outside.local, protocol, as_ipv4), told(outside.remote, protocol, *slot != kIpv6Slot)};
  const Binding* const bound = binding(protocol, *slot, outside.local.port);
  const in6_addr any = domain == AF_INET ? mapped_address(INADDR_ANY) : in6addr_any;
  return Ends{{bound == nullptr ? any : bound->inside, told(outside.local, protocol, false).port}, {any, 0}};
}

Status Loopback::set_only_ipv6(int socket, bool only) {
  const std::lock_guard lock(mutex_);
  LITEBOX_ASSIGN(const Endpoint local, ask(socket, getsockname));
  if (local.port != 0) return Error(EINVAL);
  if (only_ipv6_.size() >= kMostOnlyIpv6) only_ipv6_.clear();
  if (only) {
    only_ipv6_.insert(cookie_of(socket));
  } else {
    only_ipv6_.erase(cookie_of(socket));
  }
  return {};
}

bool Loopback::only_ipv6(int socket) const {
  const std::lock_guard lock(mutex_);
  return only_ipv6_.count(cookie_of(socket)) != 0;
}

}  // namespace litebox::kernel
