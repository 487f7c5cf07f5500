// System calls made by the blob itself, in the guest's own context.
//
// Each of them is one that the filter lets through from anywhere: nothing here has a right that the guest lacks. Results are
// the kernel's: a value, or -errno.
#pragma once

#include <asm/unistd_64.h>
#include <stddef.h>
#include <stdint.h>

namespace litebox::guest {

inline long call(uint64_t number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0,
                 uint64_t f = 0) {
  long result;
  register uint64_t r10 asm("r10") = d;
  register uint64_t r8 asm("r8") = e;
  register uint64_t r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline bool failed(long result) { return static_cast<uint64_t>(result) >= static_cast<uint64_t>(-4095); }

inline uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

constexpr uint64_t kPage = 4096;
constexpr uint64_t kTaskSize = 0x7ffffffff000;  // TASK_SIZE of 4-level page tables: what an mmap without a high hint can get

constexpr uint64_t page_floor(uint64_t address) { return address & ~(kPage - 1); }
constexpr uint64_t page_ceiling(uint64_t address) { return page_floor(address + kPage - 1); }
constexpr uint64_t page_offset(uint64_t address) { return address & (kPage - 1); }

inline void copy_up(void* to, const void* from, size_t size) {  // also right when `to` lies below an overlapping `from`
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

inline void zero(void* to, size_t size) { asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory"); }

inline size_t string_size(const char* string) {  // with its NUL
  size_t size = 0;
  while (string[size++] != '\0') asm volatile("");
  return size;
}

}  // namespace litebox::guest
