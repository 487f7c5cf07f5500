// System calls as text, in the manner of strace: for --debug.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace litebox::table {

// How the decoder reads the caller's memory. What it shows may have changed since: it is for people, never for decisions.
struct MemoryReader {
  // Exactly `size` bytes, or nothing.
  std::function<std::optional<std::string>(uint64_t address, size_t size)> bytes;
  // Up to `limit` bytes of a NUL-terminated string, without the NUL, or nothing when the memory cannot be read.
  std::function<std::optional<std::string>(uint64_t address, size_t limit)> string;
};

// `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC, 0)`. Memory that cannot be read is shown as its address.
// An unknown number gives `syscall_999(0x1, ...)`.
std::string decode_call(int64_t number, const std::array<uint64_t, 6>& arguments, const MemoryReader& memory);

// `3`, or `-1 ENOENT (No such file or directory)`.
std::string decode_result(int64_t result);

}  // namespace litebox::table
