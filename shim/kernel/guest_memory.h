// A guest's memory, read and written from outside (process_vm_readv(2), process_vm_writev(2)).
//
// Guests are hostile: whatever is read here may change right afterwards. A handler reads each argument once, into its own
// copy, checks the copy and acts on the copy.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

class GuestMemory {
 public:
  explicit GuestMemory(HostPid process) : process_(process) {}

  // All of `size` bytes or EFAULT.
  Status read(GuestAddress address, void* into, size_t size) const;
  Status write(GuestAddress address, const void* from, size_t size) const;

  template <typename T>
  Result<T> read_value(GuestAddress address) const {
    T value;
    LITEBOX_TRY(read(address, &value, sizeof value));
    return value;
  }
  template <typename T>
  Status write_value(GuestAddress address, const T& value) const {
    return write(address, &value, sizeof value);
  }

  // A NUL-terminated string of fewer than `limit` bytes: ENAMETOOLONG when there is no NUL within `limit`, EFAULT when it
  // runs into unmapped memory first.
  Result<std::string> read_string(GuestAddress address, size_t limit) const;

  // A path argument: read_string with PATH_MAX.
  Result<std::string> read_path(GuestAddress address) const;

 private:
  HostPid process_;
};

}  // namespace litebox::kernel
