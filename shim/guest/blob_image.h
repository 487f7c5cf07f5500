// The shim blob as built from shim/guest: the bytes of a static ELF file, to be written to a sealed memfd.
#pragma once

#include <cstddef>
#include <span>

namespace litebox {

std::span<const std::byte> blob_image();

}  // namespace litebox
