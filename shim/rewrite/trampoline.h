// The code that a rewritten site jumps to.
//
// It lies in pages of its own below the image, read-only and executable. A guest may jump anywhere in it with any registers:
// its system calls are those that the table lets through from anywhere, and what it reads and writes is the guest's own memory.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "shim/rewrite/site.h"

namespace litebox::rewrite {

// Whether a site of this call, or of any number, is worth a trampoline. What is kept of it on disk is kept under kTrampolines,
// which changes with the answer.
constexpr uint32_t kTrampolines = 14;
bool has_trampoline(uint32_t number, const Wanted& wanted);

// The image that a site is part of: what of it can be read, in the file's own addresses.
struct ImageRange {
  uint64_t begin, end;
};

struct SitePlace {
  uint64_t address;  // of what the jump takes the place of
  uint32_t number;
  std::span<const uint8_t> moved;  // the instructions before its `syscall` that the trampoline makes in its place (gap.h)
  ImageRange image;
};

// Appends the trampoline of a site to `code`, which lies at `code_address`; all addresses are the file's own, and those of the
// site, the image and the code less than 2 GiB apart. Returns the trampoline's address. How large it is depends on the number,
// on what is wanted and on how much is moved alone.
uint64_t append_trampoline(std::vector<uint8_t>& code, uint64_t code_address, const SitePlace& site, const Wanted& wanted);

// The jump from a site to its trampoline.
std::array<uint8_t, kMovSize> jump_to(uint64_t site_address, uint64_t trampoline_address);

}  // namespace litebox::rewrite
