#include "shim/syscalls/internet_address.h"

#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "shim/syscalls/control_messages.h"

namespace litebox::syscalls {
namespace {

using kernel::Endpoint;
using kernel::Loopback;

constexpr size_t kShortestIpv6 = offsetof(sockaddr_in6, sin6_scope_id);  // SIN6_LEN_RFC2133

SocketAddress with_family(SocketAddress address, sa_family_t family) {
  std::memcpy(address.data(), &family, sizeof family);
  return address;
}

// inet_bind(), inet6_bind(), tcp_v4_connect(), ip6_datagram_connect(): what they take for an address of the socket's.
Result<Endpoint> read_endpoint(int socket, const SocketAddress& address) {
  const int domain = domain_of(socket);
  if (address.size() < sizeof(sa_family_t)) return Error(EINVAL);
  const bool ipv4 = domain == AF_INET || family_of(address) == AF_INET;
  if (address.size() < (ipv4 ? sizeof(sockaddr_in) : kShortestIpv6)) return Error(EINVAL);
  const bool unspecified = domain == AF_INET && family_of(address) == AF_UNSPEC;
  const auto endpoint = kernel::endpoint_in(unspecified ? with_family(address, AF_INET) : address);
  if (!endpoint || (domain == AF_INET && family_of(address) == AF_INET6)) return Error(EAFNOSUPPORT);
  if (domain == AF_INET6 && family_of(address) == AF_INET) {
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_DGRAM) return Error(EAFNOSUPPORT);
  }
  return *endpoint;
}

bool may_be_sent(const cmsghdr& header) {
  const std::pair<int, int> kind = {header.cmsg_level, header.cmsg_type};
  return kind.first == SOL_SOCKET || kind == std::pair{SOL_IP, IP_TOS} || kind == std::pair{SOL_IP, IP_TTL} ||
         kind == std::pair{SOL_IPV6, IPV6_TCLASS} || kind == std::pair{SOL_IPV6, IPV6_HOPLIMIT} ||
         kind == std::pair{SOL_UDP, UDP_SEGMENT};
}

// The container's address that a packet leaves from is its only one: what asks for another says nothing.
bool names_source(const cmsghdr& header) {
  return (header.cmsg_level == SOL_IP && header.cmsg_type == IP_PKTINFO) ||
         (header.cmsg_level == SOL_IPV6 && header.cmsg_type == IPV6_PKTINFO);
}

in6_addr address_inside(const Loopback& loopback, int socket, const in6_addr& outside) {
  return loopback.sender(socket, {outside, 0}).address;
}

void translate_ipv4(const Loopback& loopback, int socket, in_addr& address) {
  const in6_addr inside = address_inside(loopback, socket, kernel::mapped_address(ntohl(address.s_addr)));
  address.s_addr = htonl(kernel::ipv4_of(inside).value_or(INADDR_LOOPBACK));
}

// One whole control message at `data`.
void translate_message(const Loopback& loopback, int socket, const cmsghdr& header, char* data, size_t size) {
  if (header.cmsg_level == SOL_IP && header.cmsg_type == IP_PKTINFO && size >= sizeof(in_pktinfo)) {
    in_pktinfo information = {};
    std::memcpy(&information, data, sizeof information);
    translate_ipv4(loopback, socket, information.ipi_spec_dst);
    translate_ipv4(loopback, socket, information.ipi_addr);
    std::memcpy(data, &information, sizeof information);
  } else if (header.cmsg_level == SOL_IPV6 && header.cmsg_type == IPV6_PKTINFO && size >= sizeof(in6_pktinfo)) {
    in6_pktinfo information = {};
    std::memcpy(&information, data, sizeof information);
    information.ipi6_addr = address_inside(loopback, socket, information.ipi6_addr);
    std::memcpy(data, &information, sizeof information);
  }
}

}  // namespace

Loopback* loopback_of(const Call& call, int domain) {
  return domain == AF_INET || domain == AF_INET6 ? call.world.loopback() : nullptr;
}

Status bind_internet(const Call& call, Loopback& loopback, int socket, const SocketAddress& address) {
  const int domain = domain_of(socket);
  LITEBOX_ASSIGN(const Endpoint endpoint, read_endpoint(socket, address));
  if (domain == AF_INET6 && family_of(address) != AF_INET6) return Error(EAFNOSUPPORT);
  if (family_of(address) == AF_UNSPEC && !kernel::is_wildcard(endpoint.address)) return Error(EAFNOSUPPORT);
  return loopback.bind(socket, endpoint, call.credentials().has(CAP_NET_BIND_SERVICE));
}

Result<SocketAddress> internet_destination(Loopback& loopback, int socket, const SocketAddress& address, bool may_disconnect) {
  if (may_disconnect && address.size() >= sizeof(sa_family_t) && family_of(address) == AF_UNSPEC) return address;
  LITEBOX_ASSIGN(const Endpoint inside, read_endpoint(socket, address));
  LITEBOX_ASSIGN(const Endpoint outside, loopback.destination(socket, inside));
  return kernel::socket_address_of(domain_of(socket), outside);
}

SocketAddress internet_sender(const Loopback& loopback, int socket, const SocketAddress& outside) {
  const auto endpoint = kernel::endpoint_in(outside);
  if (!endpoint) return outside;
  return kernel::socket_address_of(family_of(outside), loopback.sender(socket, *endpoint));
}

Result<std::string> internet_control(std::string control) {
  std::string allowed;
  LITEBOX_TRY(for_each_control_message(control, [&allowed](const cmsghdr& header, const char* data, size_t size) -> Status {
    if (may_be_sent(header)) {
      append_control_message(allowed, header.cmsg_level, header.cmsg_type, data, size);
      return {};
    }
    return names_source(header) ? Status() : Status(Error(EINVAL));
  }));
  return allowed;
}

void translate_packet_information(const Loopback& loopback, int socket, std::string& control) {
  (void)for_each_control_message(control, [&](const cmsghdr& header, char* data, size_t size) -> Status {
    translate_message(loopback, socket, header, data, size);
    return {};
  });
}

}  // namespace litebox::syscalls
