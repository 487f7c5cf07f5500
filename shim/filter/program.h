// A BPF program under construction, written from its end to its beginning.
//
// Classic BPF only jumps forward, so a branch's targets are written before the branch itself and their distances are known.
// Conditional jumps reach 255 instructions; farther targets go through an unconditional jump that is put in between.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace litebox::filter {

class Program {
 public:
  // An instruction already written, counted from the program's end.
  using Label = size_t;

  Program() = default;
  // A program that goes on with `rest`, whose first instruction has the label rest.size() - 1.
  explicit Program(const std::vector<sock_filter>& rest) : reversed_(rest.rbegin(), rest.rend()) {}

  // Each writes one instruction (or a few) in front of what is there, and returns where it starts. `next` is where the program
  // goes on.

  // The program's result. May be one written before.
  Label result(uint32_t action);
  // Loads the 32-bit word at `offset` of struct seccomp_data.
  Label load(size_t offset, Label next);
  // Keeps the bits of `bits` of the loaded word.
  Label mask(uint32_t bits, Label next);
  Label branch_equal(uint32_t value, Label yes, Label no) { return branch(BPF_JEQ, value, yes, no); }
  Label branch_at_least(uint32_t value, Label yes, Label no) { return branch(BPF_JGE, value, yes, no); }

  size_t size() const { return reversed_.size(); }
  // The program, from `start` (the last instruction written).
  std::vector<sock_filter> finish(Label start);

 private:
  Label branch(uint16_t comparison, uint32_t value, Label yes, Label no);
  // Makes `target` the instruction that directly follows the next one written.
  void fall_through_to(Label target);
  size_t distance(Label target) const { return reversed_.size() - target - 1; }

  std::vector<sock_filter> reversed_;
  std::map<uint32_t, Label> results_;
};

}  // namespace litebox::filter
