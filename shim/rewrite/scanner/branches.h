// Where the branches of a range of code lead, as far as instructions tell.
#pragma once

#include <Zydis/Zydis.h>

#include <cstdint>
#include <span>
#include <vector>

namespace litebox::rewrite {

class Branches {
 public:
  // `functions`: ascending addresses at which functions begin.
  explicit Branches(std::span<const uint64_t> functions) : functions_(functions) {}

  // Every instruction in turn, and where there is none.
  void add(uint64_t address, const ZydisDecodedInstruction& instruction);
  void add_unknown(uint64_t address) { unclear_.push_back(address); }
  // Once all are there.
  void sort();

  // Whether a direct branch or a symbol leads behind `begin` and before `end`.
  bool lead_into(uint64_t begin, uint64_t end) const;
  // Whether the function around `address` has others: as a switch has them, or what was no instruction.
  bool may_be_computed(uint64_t address) const;

 private:
  std::span<const uint64_t> functions_;
  std::vector<uint64_t> targets_;  // of direct branches
  std::vector<uint64_t> called_;   // those of calls: functions begin there
  std::vector<uint64_t> unclear_;  // ascending addresses of indirect jumps, and of what was no instruction
};

}  // namespace litebox::rewrite
