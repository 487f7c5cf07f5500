// Which port of the host stands for a port of the container's own loopback (loopback.h), of one transport protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::kernel {

// A port that the container's programs have named has one of the host's, which a socket of the monitor's reserves: while it
// does, no socket outside can be bound to that port on all addresses, so what is sent to the container's addresses reaches the
// container or nobody. Ports that the kernel chooses (ip_local_port_range) are the same on both sides. Not thread-safe.
class LoopbackPorts {
 public:
  // `reserving`: the address, in the host's byte order, on which ports are reserved. `used` tells whether a socket of the
  // container's may have a port of the host.
  LoopbackPorts(int protocol, uint32_t reserving, std::function<bool(uint16_t)> used);

  // The host's port for `inside`, reserved from now on; EADDRINUSE where no port is to be had.
  Result<uint16_t> reserve(uint16_t inside);
  // The same where somebody may have the port already: nullopt means that nobody can.
  std::optional<uint16_t> find(uint16_t inside);
  uint16_t inside(uint16_t outside) const;

  bool is_chosen_by_kernel(uint16_t port) const { return port >= first_chosen_ && port <= last_chosen_; }
  size_t size() const { return outside_.size(); }

 private:
  struct Reserved {
    uint16_t outside;
    uint64_t number;  // counts up with every reservation
    Fd holder;
  };

  Result<Fd> hold(uint16_t outside) const;
  Result<uint16_t> take(uint16_t inside, uint16_t outside);
  bool make_room();

  int protocol_;
  uint32_t reserving_;
  std::function<bool(uint16_t)> used_;
  uint16_t first_chosen_ = 32768;
  uint16_t last_chosen_ = 60999;
  std::minstd_rand random_;
  uint64_t last_number_ = 0;
  std::map<uint16_t, Reserved> outside_;  // by the port inside
  std::map<uint16_t, uint16_t> inside_;   // by the port outside
};

}  // namespace litebox::kernel
