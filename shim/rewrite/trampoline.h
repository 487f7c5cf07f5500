// The code that a rewritten site jumps to.
//
// It lies in pages of its own below the image, read-only and executable. A guest may jump anywhere in it with any registers:
// it makes no system call itself, and what it reads and writes is the guest's own memory.
#pragma once

#include <cstdint>
#include <vector>

#include "shim/rewrite/site.h"

namespace litebox::rewrite {

// Whether a site of this call is worth a trampoline.
bool has_trampoline(uint32_t number, Role role);

// Appends the trampoline of a site to `code`, which lies at `code_address`; all addresses are the file's own, and those of the
// site and of the code less than 2 GiB apart. Returns the trampoline's address.
uint64_t append_trampoline(std::vector<uint8_t>& code, uint64_t code_address, uint64_t site_address, uint32_t number);

// The jump from a site to its trampoline.
std::array<uint8_t, kMovSize> jump_to(uint64_t site_address, uint64_t trampoline_address);

}  // namespace litebox::rewrite
