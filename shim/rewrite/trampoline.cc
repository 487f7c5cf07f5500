#include "shim/rewrite/trampoline.h"

#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>

#include "shim/guest/abi.h"

namespace litebox::rewrite {
namespace {

constexpr size_t kAlignment = 16;
constexpr uint8_t kBreakpoint = 0xcc;

// Where the answer to a call lies in the page of answers.
std::optional<uint8_t> answer_of(uint32_t number) {
  switch (number) {
    case SYS_getpid:
      return offsetof(abi::Answers, process);
    case SYS_getuid:
      return offsetof(abi::Answers, user);
    case SYS_geteuid:
      return offsetof(abi::Answers, effective_user);
    case SYS_getgid:
      return offsetof(abi::Answers, group);
    case SYS_getegid:
      return offsetof(abi::Answers, effective_group);
    default:
      return std::nullopt;
  }
}

// The blob's code for a call, or 0.
uint64_t blob_entry_of(uint32_t number) {
  switch (number) {
    case SYS_vfork:
      return abi::kVforkEntry;
    case SYS_clone:
      return abi::kCloneEntry;
    case SYS_mmap:
      return abi::kMapEntry;
    default:
      return 0;
  }
}

class Code {
 public:
  Code(std::vector<uint8_t>& bytes, uint64_t start) : bytes_(bytes), start_(start) {}

  uint64_t here() const { return start_ + bytes_.size(); }
  void put(std::initializer_list<uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes); }
  void put32(uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  void put64(uint64_t value) {
    put32(static_cast<uint32_t>(value));
    put32(static_cast<uint32_t>(value >> 32U));
  }
  void relative(uint64_t target) { put32(static_cast<uint32_t>(target - (here() + 4))); }
  void align() {
    while (here() % kAlignment != 0) bytes_.push_back(kBreakpoint);
  }

 private:
  std::vector<uint8_t>& bytes_;
  uint64_t start_;
};

// Registers: rcx and r11, which every system call destroys, and rax. No stack, no flags.
//
//   The answer counts while nobody else runs in this memory (abi::Shared). Else, and as long as it is not known, on to the
//   site's own `syscall`.
void put_answer(Code& code, uint8_t answer, uint64_t syscall, uint32_t number) {
  code.put({0x49, 0xbb});  // movabs $kShared,%r11
  code.put64(abi::kShared);
  code.put({0x49, 0x8b, 0x0b});  // mov (%r11),%rcx      sharers and off
  code.put({0xe3, 0x0a});        // jrcxz 1f
  code.put({kMovEax});           // 0: mov $number,%eax
  code.put32(number);
  code.put({0xe9});  // jmp syscall
  code.relative(syscall);
  code.put({0x49, 0xbb});  // 1: movabs $kAnswers,%r11
  code.put64(abi::kAnswers);
  code.put({0x49, 0x8b, 0x4b, answer});  // mov answer(%r11),%rcx
  code.put({0xe3, 0xe6});                // jrcxz 0b
  code.put({0x89, 0xc8});                // mov %ecx,%eax
  code.put({0xe9});                      // jmp behind the syscall
  code.relative(syscall + kSyscall.size());
}

// To the blob, with the address of the site's `syscall` in rcx.
void put_blob_jump(Code& code, uint64_t entry, uint64_t syscall) {
  code.put({0x48, 0x8d, 0x0d});  // lea syscall(%rip),%rcx
  code.relative(syscall);
  code.put({0x49, 0xbb});  // movabs $entry,%r11
  code.put64(entry);
  code.put({0x41, 0xff, 0xe3});  // jmp *%r11
}

}  // namespace

bool has_trampoline(uint32_t number, Role role) {
  if (number == SYS_mmap) return role == Role::interpreter;
  return answer_of(number).has_value() || blob_entry_of(number) != 0;
}

uint64_t append_trampoline(std::vector<uint8_t>& code_bytes, uint64_t code_address, uint64_t site_address, uint32_t number) {
  Code code(code_bytes, code_address);
  code.align();
  const uint64_t start = code.here();
  const uint64_t syscall = site_address + kMovSize;
  if (const auto answer = answer_of(number)) {
    put_answer(code, *answer, syscall, number);
  } else {
    put_blob_jump(code, blob_entry_of(number), syscall);
  }
  code.align();
  return start;
}

std::array<uint8_t, kMovSize> jump_to(uint64_t site_address, uint64_t trampoline_address) {
  const auto distance = static_cast<uint32_t>(trampoline_address - (site_address + kMovSize));
  return {0xe9, static_cast<uint8_t>(distance), static_cast<uint8_t>(distance >> 8U), static_cast<uint8_t>(distance >> 16U),
          static_cast<uint8_t>(distance >> 24U)};
}

}  // namespace litebox::rewrite
