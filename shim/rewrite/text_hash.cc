#include "shim/rewrite/text_hash.h"

#include <bit>
#include <cstring>

namespace litebox::rewrite {
namespace {

void round(std::array<uint64_t, 4>& v) {
  v[0] += v[1];
  v[1] = std::rotl(v[1], 13) ^ v[0];
  v[0] = std::rotl(v[0], 32);
  v[2] += v[3];
  v[3] = std::rotl(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = std::rotl(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = std::rotl(v[1], 17) ^ v[2];
  v[2] = std::rotl(v[2], 32);
}

uint64_t fold(const std::array<uint64_t, 4>& v) { return v[0] ^ v[1] ^ v[2] ^ v[3]; }

}  // namespace

TextHash::TextHash(const Key& key)
    : state_{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee, key[0] ^ 0x6c7967656e657261,
             key[1] ^ 0x7465646279746573} {}

void TextHash::take(uint64_t word) {
  state_[3] ^= word;
  round(state_);
  round(state_);
  state_[0] ^= word;
}

void TextHash::add(std::span<const uint8_t> bytes) {
  size_ += bytes.size();
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    take(word);
    bytes = bytes.subspan(sizeof word);
  }
  tail_ = 0;
  if (!bytes.empty()) std::memcpy(&tail_, bytes.data(), bytes.size());
}

TextHash::Value TextHash::value() const {
  TextHash last = *this;
  last.take(tail_ | size_ << 56U);
  last.state_[2] ^= 0xee;
  for (int i = 0; i < 4; ++i) round(last.state_);
  Value value{fold(last.state_), 0};
  last.state_[1] ^= 0xdd;
  for (int i = 0; i < 4; ++i) round(last.state_);
  value[1] = fold(last.state_);
  return value;
}

}  // namespace litebox::rewrite
