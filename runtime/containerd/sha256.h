// SHA-256 (FIPS 180-4), for the names of sockets.
#pragma once

#include <string>
#include <string_view>

namespace litebox::containerd {

// 64 hexadecimal digits.
std::string sha256_hex(std::string_view text);

}  // namespace litebox::containerd
