// Where an ELF file's code is.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace litebox::rewrite {

// The one segment of the file that is mapped executable, in whole pages.
struct TextSegment {
  uint64_t file_offset;
  uint64_t size;
  uint64_t address;         // of its first page, in the file's own addresses
  uint64_t lowest;          // the first page of the whole image
  uint64_t highest;         // where the last of what comes from the file ends
  bool any_address = true;  // ET_DYN: the image is mapped wherever there is room
};

// Reads the headers of the file open at `fd`, which may be hostile. ENOEXEC: no ELF file for x86-64, not exactly one
// executable segment, a writable one, or one that is larger in memory than in the file; E2BIG: larger than kLargestText.
Result<TextSegment> find_text_segment(int fd);

constexpr uint64_t kLargestText = 128ULL << 20U;  // well within the reach of a jump, and quickly read

}  // namespace litebox::rewrite
