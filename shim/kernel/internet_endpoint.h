// Internet addresses with ports, of both families in one form, and the socket addresses that carry them (ip(7), ipv6(7)).
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace litebox::kernel {

struct Endpoint {
  in6_addr address = IN6ADDR_ANY_INIT;  // an IPv4 address as IPv4-mapped (RFC 4291, 2.5.5.2)
  uint16_t port = 0;                    // in the host's byte order

  bool operator==(const Endpoint& other) const;
};

in6_addr mapped_address(uint32_t ipv4);  // in the host's byte order
// The IPv4 address that is mapped, in the host's byte order.
std::optional<uint32_t> ipv4_of(const in6_addr& address);

// Whether an address is all zeros, in either family.
bool is_wildcard(const in6_addr& address);

// The endpoint in the bytes of a sockaddr_in or sockaddr_in6; nullopt for other families, and for less than a whole one.
std::optional<Endpoint> endpoint_in(std::string_view socket_address);
// As a sockaddr_in for AF_INET (the address is mapped, or IPv6's wildcard or loopback, told as IPv4's), else a sockaddr_in6.
std::string socket_address_of(int domain, const Endpoint& endpoint);

// An endpoint as /proc/net/tcp and tcp6 write it: the address's words in hexadecimal, in the machine's order, and the port.
std::optional<Endpoint> listed_endpoint(std::string_view text);
std::string listing_of(int domain, const Endpoint& endpoint);

}  // namespace litebox::kernel
