#include "shim/kernel/internet_endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace litebox::kernel {
namespace {

constexpr size_t kMappedPrefix = 12;
constexpr size_t kShortestIpv6 = offsetof(sockaddr_in6, sin6_scope_id);  // SIN6_LEN_RFC2133

uint32_t as_ipv4(const in6_addr& address) {
  if (const auto mapped = ipv4_of(address)) return *mapped;
  return IN6_IS_ADDR_LOOPBACK(&address) ? INADDR_LOOPBACK : INADDR_ANY;
}

constexpr size_t kWordDigits = 8;

std::optional<uint32_t> hexadecimal(std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

std::string in_hexadecimal(uint32_t value, int digits) {
  std::array<char, 16> text;
  (void)std::snprintf(text.data(), text.size(), "%0*X", digits, value);
  return text.data();
}

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

bool Endpoint::operator==(const Endpoint& other) const {
  return port == other.port && std::memcmp(&address, &other.address, sizeof address) == 0;
}

in6_addr mapped_address(uint32_t ipv4) {
  in6_addr address = IN6ADDR_ANY_INIT;
  address.s6_addr[10] = address.s6_addr[11] = 0xff;
  const uint32_t bytes = htonl(ipv4);
  std::memcpy(&address.s6_addr[kMappedPrefix], &bytes, sizeof bytes);
  return address;
}

std::optional<uint32_t> ipv4_of(const in6_addr& address) {
  if (!IN6_IS_ADDR_V4MAPPED(&address)) return std::nullopt;
  uint32_t bytes = 0;
  std::memcpy(&bytes, &address.s6_addr[kMappedPrefix], sizeof bytes);
  return ntohl(bytes);
}

bool is_wildcard(const in6_addr& address) { return IN6_IS_ADDR_UNSPECIFIED(&address) || ipv4_of(address) == INADDR_ANY; }

std::optional<Endpoint> endpoint_in(std::string_view socket_address) {
  sa_family_t family = AF_UNSPEC;
  if (socket_address.size() < sizeof family) return std::nullopt;
  std::memcpy(&family, socket_address.data(), sizeof family);
  if (family == AF_INET && socket_address.size() >= sizeof(sockaddr_in)) {
    sockaddr_in address = {};
    std::memcpy(&address, socket_address.data(), sizeof address);
    return Endpoint{mapped_address(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
  }
  if (family == AF_INET6 && socket_address.size() >= kShortestIpv6) {
    sockaddr_in6 address = {};
    std::memcpy(&address, socket_address.data(), std::min(socket_address.size(), sizeof address));
    return Endpoint{address.sin6_addr, ntohs(address.sin6_port)};
  }
  return std::nullopt;
}

std::string socket_address_of(int domain, const Endpoint& endpoint) {
  if (domain == AF_INET) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(as_ipv4(endpoint.address));
    return bytes_of(address);
  }
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  address.sin6_addr = endpoint.address;
  return bytes_of(address);
}

std::optional<Endpoint> listed_endpoint(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon != kWordDigits && colon != 4 * kWordDigits) return std::nullopt;
  const auto port = hexadecimal(text.substr(colon + 1));
  if (!port || *port > UINT16_MAX) return std::nullopt;
  Endpoint endpoint;
  endpoint.port = static_cast<uint16_t>(*port);
  for (size_t word = 0; word < colon / kWordDigits; ++word) {
    const auto value = hexadecimal(text.substr(word * kWordDigits, kWordDigits));
    if (!value) return std::nullopt;
    if (colon == kWordDigits) {
      endpoint.address = mapped_address(ntohl(*value));
    } else {
      std::memcpy(&endpoint.address.s6_addr[word * sizeof *value], &*value, sizeof *value);
    }
  }
  return endpoint;
}

std::string listing_of(int domain, const Endpoint& endpoint) {
  std::string text;
  if (domain == AF_INET) {
    text = in_hexadecimal(htonl(as_ipv4(endpoint.address)), kWordDigits);
  } else {
    for (const uint32_t word : endpoint.address.s6_addr32) text += in_hexadecimal(word, kWordDigits);
  }
  return text + ':' + in_hexadecimal(endpoint.port, 4);
}

}  // namespace litebox::kernel
