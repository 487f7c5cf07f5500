// Acting with no more capabilities than a guest was given: for calls whose permission the kernel itself checks.
#pragma once

#include <cstdint>

#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// For its lifetime the calling thread's effective capabilities are those of its own that `credentials` has too. Not to be
// mixed with rootfs::ScopedIdentity in one thread at one time.
class ScopedCapabilities {
 public:
  explicit ScopedCapabilities(const Credentials& credentials);
  ~ScopedCapabilities();
  ScopedCapabilities(const ScopedCapabilities&) = delete;
  ScopedCapabilities& operator=(const ScopedCapabilities&) = delete;

 private:
  uint64_t previous_ = 0;
  bool changed_ = false;
};

}  // namespace litebox::kernel
