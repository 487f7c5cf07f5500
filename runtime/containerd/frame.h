// ttrpc frames: a header of ten bytes and a payload (containerd/ttrpc PROTOCOL.md). No descriptors here, bytes only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace litebox::containerd {

constexpr size_t kFrameHeaderSize = 10;
constexpr size_t kFramePayloadLimit = 4U << 20U;  // bytes

enum class FrameType : uint8_t { request = 1, response = 2, data = 3 };

struct Frame {
  uint32_t stream = 0;
  uint8_t type = 0;  // a FrameType, or what the peer has made up
  uint8_t flags = 0;
  bool oversized = false;  // the payload was larger than the limit and has been discarded
  std::string payload;
};

// `payload` must be within the limit.
std::string encode_frame(FrameType type, uint32_t stream, std::string_view payload);

// Bytes in, in pieces of any size; whole frames out. Holds no more of a payload than has arrived. Any bytes are frames of some
// kind: what a frame means is the reader's to judge.
class FrameParser {
 public:
  // Takes bytes up to the end of the next frame and returns how many; less than all when a frame is complete.
  size_t feed(std::string_view bytes);
  // The complete frame, once.
  std::optional<Frame> take();
  // True when the stream may end here.
  bool between_frames() const { return header_size_ == 0; }

 private:
  void read_header();

  std::array<unsigned char, kFrameHeaderSize> header_{};
  size_t header_size_ = 0;
  size_t missing_ = 0;  // bytes of the payload that have not arrived
  Frame frame_;
  bool complete_ = false;
};

}  // namespace litebox::containerd
