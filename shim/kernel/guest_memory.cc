#include "shim/kernel/guest_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

namespace litebox::kernel {
namespace {

constexpr uint64_t kPageSize = 4096;

ssize_t read_some(HostPid process, uint64_t address, void* into, size_t size) {
  const iovec local{into, size};
  const iovec remote{reinterpret_cast<void*>(address), size};  // NOLINT(performance-no-int-to-ptr): another process's address
  return ::process_vm_readv(process.value(), &local, 1, &remote, 1, 0);
}

}  // namespace

Status GuestMemory::read(GuestAddress address, void* into, size_t size) const {
  if (size == 0) return {};
  const ssize_t got = read_some(process_, address.value(), into, size);
  if (got < 0) return Error(errno == ESRCH ? ESRCH : EFAULT);
  if (static_cast<size_t>(got) != size) return Error(EFAULT);
  return {};
}

Status GuestMemory::write(GuestAddress address, const void* from, size_t size) const {
  if (size == 0) return {};
  const iovec local{const_cast<void*>(from), size};
  const iovec remote{reinterpret_cast<void*>(address.value()), size};  // NOLINT(performance-no-int-to-ptr)
  const ssize_t written = ::process_vm_writev(process_.value(), &local, 1, &remote, 1, 0);
  if (written < 0) return Error(errno == ESRCH ? ESRCH : EFAULT);
  if (static_cast<size_t>(written) != size) return Error(EFAULT);
  return {};
}

Result<std::string> GuestMemory::read_string(GuestAddress address, size_t limit) const {
  std::string text;
  std::array<char, kPageSize> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the read
  while (text.size() < limit) {
    const uint64_t at = address.value() + text.size();
    // Never across a page boundary: the next page may be unmapped while the string ends before it.
    const size_t want = std::min<uint64_t>(kPageSize - at % kPageSize, limit - text.size());
    const ssize_t got = read_some(process_, at, chunk.data(), want);
    if (got <= 0) return Error(errno == ESRCH ? ESRCH : EFAULT);
    const auto* end = static_cast<const char*>(std::memchr(chunk.data(), 0, static_cast<size_t>(got)));
    if (end != nullptr) {
      text.append(chunk.data(), static_cast<size_t>(end - chunk.data()));
      return text;
    }
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  return Error(ENAMETOOLONG);
}

Result<std::string> GuestMemory::read_path(GuestAddress address) const { return read_string(address, PATH_MAX); }

}  // namespace litebox::kernel
