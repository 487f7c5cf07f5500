// Machine code as it is written: what trampolines are put together with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "shim/rewrite/site.h"

namespace litebox::rewrite {

constexpr uint8_t kJrcxz = 0xe3;
constexpr uint8_t kJmpShort = 0xeb;

class Code {
 public:
  Code(std::vector<uint8_t>& bytes, uint64_t start) : bytes_(bytes), start_(start) {}

  uint64_t here() const { return start_ + bytes_.size(); }
  void put(std::initializer_list<uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes); }
  void put(std::span<const uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void put32(uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  void put64(uint64_t value) {
    put32(static_cast<uint32_t>(value));
    put32(static_cast<uint32_t>(value >> 32U));
  }
  void relative(uint64_t target) { put32(static_cast<uint32_t>(target - (here() + 4))); }
  void align() {
    constexpr size_t kAlignment = 16;
    constexpr uint8_t kBreakpoint = 0xcc;
    while (here() % kAlignment != 0) bytes_.push_back(kBreakpoint);
  }

  void jump(uint64_t target) {
    put({0xe9});
    relative(target);
  }
  void system_call(uint32_t number) {
    put({kMovEax});
    put32(number);
    put({kSyscall[0], kSyscall[1]});
  }
  // What is pushed in between lies below what a function keeps under its stack pointer.
  void leave_red_zone() { put({0x48, 0x8d, 0x64, 0x24, 0x80}); }               // lea -128(%rsp),%rsp
  void return_to_red_zone() { put({0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0}); }  // lea 128(%rsp),%rsp
  // jrcxz, to what is here already.
  void if_zero_back_to(uint64_t target) {
    constexpr uint64_t kReach = 128;
    constexpr uint8_t kJrcxzSize = 2;
    if (here() + kJrcxzSize - target <= kReach) {
      put({kJrcxz, 0});
      bytes_.back() = static_cast<uint8_t>(target - here());
      return;
    }
    put({kJrcxz, 2, kJmpShort, kMovSize});  // to the long jump, and else over it
    jump(target);
  }
  // To `target` if rax is -error.
  void if_error_back_to(uint8_t error, uint64_t target) {
    put({0x48, 0x8d, 0x48, error});  // lea error(%rax),%rcx
    if_zero_back_to(target);
  }
  // On to the site's own `syscall`, which the monitor answers. Returns where this is.
  uint64_t ask(uint32_t number, uint64_t site_syscall) {
    const uint64_t start = here();
    put({kMovEax});
    put32(number);
    jump(site_syscall);
    return start;
  }
  // The same at the start of a trampoline, which goes on behind it.
  uint64_t ask_aside(uint32_t number, uint64_t site_syscall) {
    put({kJmpShort, kMovSize + kMovSize});
    return ask(number, site_syscall);
  }
  // A short jump to what comes: a place for arrive().
  size_t jump_ahead(uint8_t opcode) {
    put({opcode, 0});
    return bytes_.size();
  }
  size_t if_zero_ahead() { return jump_ahead(kJrcxz); }
  void arrive(size_t from) { bytes_[from - 1] = static_cast<uint8_t>(bytes_.size() - from); }

 private:
  std::vector<uint8_t>& bytes_;
  uint64_t start_;
};

}  // namespace litebox::rewrite
