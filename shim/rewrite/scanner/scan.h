// Finds the system call sites of a program, by decoding all of its code.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "shim/rewrite/scanner/elf_code.h"
#include "shim/rewrite/site.h"

namespace litebox::rewrite {

struct Scan {
  std::vector<Site> sites;     // ascending by offset
  uint64_t of_any_number = 0;  // of them
  // Every `syscall` instruction that is not one of them, and why.
  uint64_t without_number = 0;  // neither is its number loaded right before it, nor is there room for any
  uint64_t branched_into = 0;   // a branch or a symbol leads, or may lead, into what the jump takes the place of
  uint64_t doubtful = 0;        // something before it could not be decoded: instructions may begin elsewhere
};

// The sites of a whole file. ENOEXEC as find_code().
Result<Scan> scan(std::span<const uint8_t> file);

// The sites in one range; `functions` as in ElfCode. Adds to `found`.
void scan_range(std::span<const uint8_t> bytes, const CodeRange& range, std::span<const uint64_t> functions, Scan& found);

}  // namespace litebox::rewrite
