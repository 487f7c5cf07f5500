#include "shim/filter/program.h"

namespace litebox::filter {
namespace {

constexpr size_t kReach = 255;  // of the two 8-bit offsets of a conditional jump
// A result written earlier is used again while it is well within reach of the branches still to come.
constexpr size_t kReuse = 200;

}  // namespace

Program::Label Program::result(uint32_t action) {
  const auto found = results_.find(action);
  if (found != results_.end() && size() - found->second < kReuse) return found->second;
  reversed_.push_back(BPF_STMT(BPF_RET | BPF_K, action));
  return results_[action] = size() - 1;
}

void Program::fall_through_to(Label target) {
  if (distance(target) == 0) return;
  reversed_.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(distance(target))));
}

Program::Label Program::load(size_t offset, Label next) {
  fall_through_to(next);
  reversed_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
  return size() - 1;
}

Program::Label Program::mask(uint32_t bits, Label next) {
  fall_through_to(next);
  reversed_.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits));
  return size() - 1;
}

Program::Label Program::branch(uint16_t comparison, uint32_t value, Label yes, Label no) {
  // Putting in a jump for one target moves the other one away by one instruction: hence the margin.
  const auto bring_near = [this](Label target) -> Label {
    if (distance(target) < kReach) return target;
    fall_through_to(target);
    return size() - 1;
  };
  no = bring_near(no);
  yes = bring_near(yes);
  const auto jump_true = static_cast<uint8_t>(distance(yes));
  const auto jump_false = static_cast<uint8_t>(distance(no));
  reversed_.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, jump_true, jump_false));
  return size() - 1;
}

std::vector<sock_filter> Program::finish(Label start) {
  fall_through_to(start);
  return {reversed_.rbegin(), reversed_.rend()};
}

}  // namespace litebox::filter
