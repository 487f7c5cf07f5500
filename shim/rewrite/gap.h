// What may stand between a site's mov and its `syscall`.
#pragma once

#include <cstdint>
#include <span>

namespace litebox::rewrite {

// Whether `code` is whole instructions, one behind the other, that do elsewhere just what they do where they are, and neither
// look at rax nor change it: moves between registers, of constants into registers, and registers made zero. Empty code is.
bool can_be_moved(std::span<const uint8_t> code);

}  // namespace litebox::rewrite
