// Doing something with a file of the monitor's own whose mode is in the way.
#pragma once

#include "rootfs/recorded_ownership.h"

namespace litebox::rootfs {

// operation(), and once more if it fails with EACCES and the mode of `fd`'s file was why (make_accessible).
template <typename Operation>
auto retry_access(const HostFileSystem& file_system, int fd, const Operation& operation) {
  auto result = operation();
  if (result.ok() || result.error().number() != EACCES || !make_accessible(file_system, fd)) return result;
  return operation();
}

}  // namespace litebox::rootfs
