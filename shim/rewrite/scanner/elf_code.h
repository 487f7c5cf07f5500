// The parts of an ELF file that hold instructions. The file may be hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace litebox::rewrite {

// A section of instructions, within the file.
struct CodeRange {
  uint64_t offset;   // in the file
  uint64_t size;     // bytes
  uint64_t address;  // in the file's own addresses
};

struct ElfCode {
  std::vector<CodeRange> ranges;    // ascending, disjoint
  std::vector<uint64_t> functions;  // ascending: addresses at which an instruction begins for certain
};

// Reads the section headers and symbol tables of a whole file. ENOEXEC: no ELF file for x86-64, or no sections: where code
// ends and data begins is not known then.
Result<ElfCode> find_code(std::span<const uint8_t> file);

}  // namespace litebox::rewrite
