// Process ids and guest addresses as types of their own, so that mixing them does not compile.
//
// Inside a container an id is the host's id, except that init is 1 (design: "an id inside is the id outside, and nothing
// outside exists; init is 1"). HostPid is what the kernel uses; VirtualPid is what a guest says and sees. Only
// shim/kernel/membership translates between them.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace litebox {

template <typename Tag>
class Pid {
 public:
  constexpr Pid() = default;
  constexpr explicit Pid(pid_t value) : value_(value) {}
  constexpr pid_t value() const { return value_; }
  constexpr auto operator<=>(const Pid&) const = default;  // NOLINT(modernize-use-nullptr): it means the compiler's own code

 private:
  pid_t value_ = 0;
};

using HostPid = Pid<struct HostPidTag>;
using VirtualPid = Pid<struct VirtualPidTag>;

// An address in a guest's memory: never dereferenced here, only handed to shim/monitor's GuestMemory.
class GuestAddress {
 public:
  constexpr GuestAddress() = default;
  constexpr explicit GuestAddress(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr bool null() const { return value_ == 0; }
  constexpr GuestAddress operator+(uint64_t offset) const { return GuestAddress(value_ + offset); }
  constexpr auto operator<=>(const GuestAddress&) const = default;

 private:
  uint64_t value_ = 0;
};

}  // namespace litebox

template <typename Tag>
struct std::hash<litebox::Pid<Tag>> {
  size_t operator()(litebox::Pid<Tag> pid) const noexcept { return std::hash<pid_t>{}(pid.value()); }
};
