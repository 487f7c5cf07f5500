#include "runtime/containerd/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace litebox::containerd {
namespace {

uint32_t read_big_endian(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24U | uint32_t{bytes[1]} << 16U | uint32_t{bytes[2]} << 8U | uint32_t{bytes[3]};
}

void append_big_endian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
}

}  // namespace

std::string encode_frame(FrameType type, uint32_t stream, std::string_view payload) {
  std::string out;
  out.reserve(kFrameHeaderSize + payload.size());
  append_big_endian(out, static_cast<uint32_t>(payload.size()));
  append_big_endian(out, stream);
  out += static_cast<char>(type);
  out += '\0';
  out += payload;
  return out;
}

void FrameParser::read_header() {
  missing_ = read_big_endian(header_.data());
  frame_ = Frame();
  frame_.stream = read_big_endian(header_.data() + 4);
  frame_.type = header_[8];
  frame_.flags = header_[9];
  frame_.oversized = missing_ > kFramePayloadLimit;
}

size_t FrameParser::feed(std::string_view bytes) {
  size_t used = 0;
  if (complete_) return 0;
  if (header_size_ < kFrameHeaderSize) {
    used = std::min(bytes.size(), kFrameHeaderSize - header_size_);
    std::memcpy(header_.data() + header_size_, bytes.data(), used);
    header_size_ += used;
    if (header_size_ < kFrameHeaderSize) return used;
    read_header();
  }
  const size_t part = std::min(bytes.size() - used, missing_);
  if (!frame_.oversized) frame_.payload.append(bytes.substr(used, part));
  missing_ -= part;
  complete_ = missing_ == 0;
  return used + part;
}

std::optional<Frame> FrameParser::take() {
  if (!complete_) return std::nullopt;
  complete_ = false;
  header_size_ = 0;
  return std::exchange(frame_, Frame());
}

}  // namespace litebox::containerd
