#include "shim/rewrite/gap.h"

#include <array>

namespace litebox::rewrite {
namespace {

constexpr uint8_t kRexMask = 0xf0, kRex = 0x40;
constexpr uint8_t kRexB = 1, kRexX = 2, kRexR = 4;
constexpr uint8_t kMovToRegister = 0x89, kXor = 0x31;  // with a register for the operand that could be memory
constexpr uint8_t kMovConstant = 0xb8;                 // + register, 32 bits
constexpr uint8_t kMovFromMemory = 0x8b;
constexpr uint8_t kBothRegisters = 0xc0;  // of the byte behind the opcode
constexpr uint8_t kStackPointer = 4;      // as a register; as the memory operand: a byte more tells
constexpr uint8_t kOfStack = 0x24;        // that byte, for the stack pointer and no other register

// The size of a mov from the stack to a register; `code` begins behind the opcode at `at`.
size_t size_of_load(std::span<const uint8_t> code, size_t at, uint8_t rex, Number number) {
  if (code.size() - at < 2 || (code[at] & 0x07U) != kStackPointer || code[at + 1] != kOfStack || (rex & kRexB) != 0) return 0;
  const unsigned to = (code[at] >> 3U) & 0x07U;
  const bool to_rax = to == 0 && (rex & kRexR) == 0;
  const bool to_stack_pointer = to == kStackPointer && (rex & kRexR) == 0;
  if ((to_rax && number == Number::fixed) || to_stack_pointer) return 0;
  constexpr std::array<size_t, 3> kOffset = {0, 1, 4};
  const unsigned mode = code[at] >> 6U;
  if (mode >= kOffset.size() || code.size() - at - 2 < kOffset.at(mode)) return 0;
  return at + 2 + kOffset.at(mode);
}

// The size of the instruction that `code` begins with; 0 for one that is not of these kinds.
size_t size_of_first(std::span<const uint8_t> code, Number number) {
  size_t at = 0;
  uint8_t rex = 0;
  if ((code[0] & kRexMask) == kRex) rex = code[at++];
  if (at == code.size() || (rex & kRexX) != 0) return 0;
  const uint8_t opcode = code[at++];
  if ((opcode & 0xf8U) == kMovConstant) {
    const bool into_rax = opcode == kMovConstant && (rex & kRexB) == 0;
    const bool wide = (rex & 8U) != 0;
    return into_rax || wide || code.size() - at < sizeof(uint32_t) ? 0 : at + sizeof(uint32_t);
  }
  if (opcode == kMovFromMemory) return size_of_load(code, at, rex, number);
  if ((opcode != kMovToRegister && opcode != kXor) || at == code.size()) return 0;
  const uint8_t registers = code[at++];
  const bool from_rax = (registers & 0x38U) == 0 && (rex & kRexR) == 0;
  const bool to_rax = (registers & 0x07U) == 0 && (rex & kRexB) == 0;
  const bool to_stack_pointer = (registers & 0x07U) == kStackPointer && (rex & kRexB) == 0;
  const bool may_be_rax = number == Number::any && opcode == kMovToRegister;
  if ((registers & kBothRegisters) != kBothRegisters || ((from_rax || to_rax) && !may_be_rax) || to_stack_pointer) return 0;
  return at;
}

}  // namespace

bool can_be_moved(std::span<const uint8_t> code, Number number) {
  while (!code.empty()) {
    const size_t size = size_of_first(code, number);
    if (size == 0) return false;
    code = code.subspan(size);
  }
  return true;
}

}  // namespace litebox::rewrite
