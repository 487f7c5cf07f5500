// The scanner (shim/rewrite/scanner) as built: the bytes of its program, to be executed from a memfd.
#pragma once

#include <cstddef>
#include <span>

namespace litebox::rewrite {

std::span<const std::byte> scanner_image();

}  // namespace litebox::rewrite
