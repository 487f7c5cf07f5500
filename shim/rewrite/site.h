// What can be rewritten in a program's text.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace litebox::rewrite {

constexpr uint64_t kPage = 4096;

constexpr uint64_t page_floor(uint64_t value) { return value & ~(kPage - 1); }
constexpr uint64_t page_ceiling(uint64_t value) { return page_floor(value + kPage - 1); }

// A system call site: `mov $number,%eax` and, right behind it or behind a few instructions (gap.h), `syscall`. Rewriting it
// replaces the mov by a jump of the same length and leaves the rest where it is: whoever jumps to the site, behind its mov or
// to its `syscall`, gets what he wanted, and a call that the monitor has to answer is still made at its own place, where
// unwinders and debuggers expect it.
//
// Or a site of any number, as the C library's syscall() and Go's have one: whole instructions that can be moved (gap.h), of
// which the jump takes the place of the first ones, and `syscall`.
struct Site {
  uint64_t offset;  // of the mov, or of the first instruction, in the file
  uint32_t number;  // of the call, or kAnyNumber
  uint8_t gap = 0;  // bytes between the mov, or what is as long, and the `syscall`

  bool operator==(const Site&) const = default;
};

constexpr size_t kMovSize = 5;  // b8 imm32, and e9 rel32
constexpr size_t kLongestGap = 16;
constexpr size_t kSmallestSite = 7;
constexpr size_t size_of(const Site& site) { return kSmallestSite + site.gap; }
constexpr uint32_t kAnyNumber = UINT32_MAX;
constexpr size_t kMostOfAnyNumber = 8;  // in a file: their trampolines are large
// How much of a site is in its trampoline too.
constexpr size_t moved_size(const Site& site) { return site.number == kAnyNumber ? kMovSize + site.gap : site.gap; }
constexpr uint8_t kMovEax = 0xb8;
constexpr std::array<uint8_t, 2> kSyscall = {0x0f, 0x05};

// The bytes of a site's mov.
constexpr std::array<uint8_t, kMovSize> mov_of(uint32_t number) {
  return {kMovEax, static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8U), static_cast<uint8_t>(number >> 16U),
          static_cast<uint8_t>(number >> 24U)};
}

// What a file is mapped as: only the interpreter's mmap is the one that maps libraries.
enum class Role : uint8_t { object, interpreter };

// What sites may do in the caller's own name before the monitor is asked. A site that makes other calls than its own in its
// place may do so where the container's seccomp profile lets all of them through.
struct Shortcuts {
  bool paths = true;  // marked calls (abi::kMark) that name files
  bool fstat = true, newfstatat = true, readlink = true, getxattrat = true, fcntl = true;

  auto operator<=>(const Shortcuts&) const = default;  // NOLINT(modernize-use-nullptr): it means the compiler's own code
};

// Which sites of a file are to be rewritten.
struct Wanted {
  Role role = Role::object;
  Shortcuts shortcuts;

  auto operator<=>(const Wanted&) const = default;  // NOLINT(modernize-use-nullptr): as above
};

}  // namespace litebox::rewrite
