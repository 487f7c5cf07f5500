// What may stand between a site's mov and its `syscall`, and what may stand before one of any number.
#pragma once

#include <cstdint>
#include <span>

namespace litebox::rewrite {

// The number of a site: of its own mov, or whatever is in eax.
enum class Number : uint8_t { fixed, any };

// Whether `code` is whole instructions, one behind the other, that do elsewhere just what they do where they are: moves between
// registers, of constants and of what the stack has into registers, and registers made zero. Where the number is fixed they
// neither look at rax nor change it. Nothing is stored: a C library that asks threads to end by the address at which they are
// has a store before its `syscall`. Empty code is.
bool can_be_moved(std::span<const uint8_t> code, Number number);

}  // namespace litebox::rewrite
