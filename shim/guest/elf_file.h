// An ELF file being mapped, as fs/binfmt_elf.c does it.
//
// The file may be hostile and may change while it is read. That harms only the process that is loading it, which runs with
// the guest's own rights; what is checked here is what keeps the failure clean.
#pragma once

#include <elf.h>

#include "shim/guest/native.h"

namespace litebox::guest {

// splitmix64: spreads the seed that the monitor draws.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  bool enabled() const { return state_ != 0; }
  uint64_t below(uint64_t limit_power_of_two) {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31U)) & (limit_power_of_two - 1);
  }

 private:
  uint64_t state_;
};

// ELF_ET_DYN_BASE: two thirds of the address space. Where PIE programs go, and the heap of static-PIE ones.
constexpr uint64_t kPieBase = page_floor(kTaskSize / 3 * 2);

// A mapped file: absolute addresses.
struct Image {
  uint64_t base;  // what was added to the file's addresses
  uint64_t entry;
  uint64_t program_headers;  // 0 when no segment holds them
  uint64_t program_header_count;
  uint64_t start_code, end_code, start_data, end_data;
  uint64_t end;  // of the highest segment: where the heap begins
  bool fixed_address;
  bool executable_stack;
};

enum class Role { kStaticProgram, kDynamicProgram, kInterpreter };

class ElfFile {
 public:
  explicit ElfFile(int fd) : fd_(fd) {}

  // Reads the headers and maps every PT_LOAD. 0 or -errno.
  long map(Role role, Random& random, Image& image);

 private:
  // What all the segments together occupy, in the file's own addresses.
  struct Extent {
    uint64_t low = UINT64_MAX, high = 0;  // whole pages
    uint64_t alignment = kPage;
    bool begins_with_lowest = false;  // the first segment is also the lowest, and has bytes in the file
  };

  static constexpr unsigned kWindow = 16;

  long read_header();
  const Elf64_Phdr* segment(unsigned index);  // null when it cannot be read; valid until the next call
  long survey(Extent& extent, Image& image);
  long place(Role role, const Extent& extent, Random& random, uint64_t& base, uint64_t& first_flags);
  long map_segment(const Elf64_Phdr& segment, uint64_t address, uint64_t flags, uint64_t reserve);

  int fd_;
  unsigned window_first_ = 0, window_count_ = 0;
  struct {
    Elf64_Ehdr header;
    Elf64_Phdr window[kWindow];
  } bytes_ = {};
};

}  // namespace litebox::guest
