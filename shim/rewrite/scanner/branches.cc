#include "shim/rewrite/scanner/branches.h"

#include <algorithm>

namespace litebox::rewrite {
namespace {

bool any_between(std::span<const uint64_t> sorted, uint64_t first, uint64_t end) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), first);
  return found != sorted.end() && *found < end;
}

}  // namespace

void Branches::add(uint64_t address, const ZydisDecodedInstruction& instruction) {
  bool direct = false;
  for (const auto& immediate : instruction.raw.imm) {
    if (immediate.size == 0 || immediate.is_relative == ZYAN_FALSE) continue;
    const uint64_t target = address + instruction.length + immediate.value.u;
    targets_.push_back(target);
    if (instruction.mnemonic == ZYDIS_MNEMONIC_CALL) called_.push_back(target);
    direct = true;
  }
  if (instruction.mnemonic == ZYDIS_MNEMONIC_JMP && !direct) unclear_.push_back(address);
}

void Branches::sort() {
  std::sort(targets_.begin(), targets_.end());
  std::sort(called_.begin(), called_.end());
}

bool Branches::lead_into(uint64_t begin, uint64_t end) const {
  return any_between(targets_, begin + 1, end) || any_between(functions_, begin + 1, end);
}

bool Branches::may_be_computed(uint64_t address) const {
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  for (const std::span<const uint64_t> starts : {functions_, std::span<const uint64_t>(called_)}) {
    const auto next = std::upper_bound(starts.begin(), starts.end(), address);
    if (next != starts.begin()) begin = std::max(begin, *(next - 1));
    if (next != starts.end()) end = std::min(end, *next);
  }
  return any_between(unclear_, begin, end);
}

}  // namespace litebox::rewrite
