// A fuzzer's bytes, read from their beginning; zeros at their end.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace litebox::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  Input(const uint8_t* data, size_t size) : bytes_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return bytes_.empty(); }
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto value = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  // The first bytes are the lowest.
  uint64_t word(size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{byte()} << (8 * i);
    return value;
  }
  std::string_view piece(size_t length) {
    const std::string_view part = bytes_.substr(0, length);
    bytes_.remove_prefix(part.size());
    return part;
  }
  std::string_view rest() { return piece(bytes_.size()); }

 private:
  std::string_view bytes_;
};

}  // namespace litebox::fuzz
