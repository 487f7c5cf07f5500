#include "shim/kernel/loopback_ports.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "shim/kernel/internet_endpoint.h"

namespace litebox::kernel {
namespace {

constexpr size_t kMostReserved = 1024;
constexpr size_t kMostExamined = 64;  // of the oldest reservations, for one that nobody uses
constexpr int kAttempts = 256;
// Above what services usually have: a reservation is in the way of a service of the host's that starts later.
constexpr int kFirstCandidate = 20000;
constexpr int kLastPort = 65535;

}  // namespace

LoopbackPorts::LoopbackPorts(int protocol, uint32_t reserving, std::function<bool(uint16_t)> used)
    : protocol_(protocol), reserving_(reserving), used_(std::move(used)), random_(std::random_device()()) {
  int first = 0;
  int last = 0;
  if (std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first >> last && first > 0 && last <= kLastPort) {
    first_chosen_ = static_cast<uint16_t>(first);
    last_chosen_ = static_cast<uint16_t>(last);
  }
}

Result<Fd> LoopbackPorts::hold(uint16_t outside) const {
  Fd socket(::socket(AF_INET, (protocol_ == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, protocol_));
  if (!socket) return last_error();
  const std::string address = socket_address_of(AF_INET, {mapped_address(reserving_), outside});
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size())) != 0) {
    return last_error();
  }
  return socket;
}

Result<uint16_t> LoopbackPorts::take(uint16_t inside, uint16_t outside) {
  LITEBOX_ASSIGN(Fd holder, hold(outside));
  outside_.insert_or_assign(inside, Reserved{outside, ++last_number_, std::move(holder)});
  inside_[outside] = inside;
  return outside;
}

// A reservation that no socket of the container's needs any more makes room for another one.
bool LoopbackPorts::make_room() {
  if (outside_.size() < kMostReserved) return true;
  std::vector<std::pair<uint64_t, uint16_t>> oldest;
  for (const auto& [inside, reserved] : outside_) oldest.emplace_back(reserved.number, inside);
  const size_t examined = std::min(kMostExamined, oldest.size());
  std::partial_sort(oldest.begin(), oldest.begin() + static_cast<std::ptrdiff_t>(examined), oldest.end());
  for (size_t i = 0; i < examined; ++i) {
    const auto entry = outside_.find(oldest[i].second);
    if (used_(entry->second.outside)) {
      entry->second.number = ++last_number_;
      continue;
    }
    inside_.erase(entry->second.outside);
    outside_.erase(entry);
    return true;
  }
  return false;
}

Result<uint16_t> LoopbackPorts::reserve(uint16_t inside) {
  if (const auto known = outside_.find(inside); known != outside_.end()) return known->second.outside;
  if (!make_room()) return Error(EADDRINUSE);
  if (is_chosen_by_kernel(inside)) {
    if (auto same = take(inside, inside); same.ok()) return same;
  }
  std::uniform_int_distribution<int> ports(kFirstCandidate, kLastPort);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto outside = static_cast<uint16_t>(ports(random_));
    if (is_chosen_by_kernel(outside) || inside_.count(outside) != 0) continue;
    if (auto taken = take(inside, outside); taken.ok()) return taken;
  }
  return Error(EADDRINUSE);
}

std::optional<uint16_t> LoopbackPorts::find(uint16_t inside) {
  if (const auto known = outside_.find(inside); known != outside_.end()) return known->second.outside;
  // The kernel may have chosen it for a socket that was never bound by name.
  if (!is_chosen_by_kernel(inside) || !make_room()) return std::nullopt;
  auto same = take(inside, inside);
  return same.ok() ? std::optional(*same) : std::nullopt;
}

uint16_t LoopbackPorts::inside(uint16_t outside) const {
  const auto known = inside_.find(outside);
  return known == inside_.end() ? outside : known->second;
}

}  // namespace litebox::kernel
