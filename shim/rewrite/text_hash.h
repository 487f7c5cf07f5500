// A keyed hash of a file's text: whoever does not know the key cannot make two texts with one hash (SipHash-2-4 with 128 bits,
// J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace litebox::rewrite {

class TextHash {
 public:
  using Key = std::array<uint64_t, 2>;
  using Value = std::array<uint64_t, 2>;

  explicit TextHash(const Key& key);

  // All but the last piece: a multiple of eight bytes.
  void add(std::span<const uint8_t> bytes);
  Value value() const;

 private:
  void take(uint64_t word);

  std::array<uint64_t, 4> state_;
  uint64_t size_ = 0;
  uint64_t tail_ = 0;
};

}  // namespace litebox::rewrite
