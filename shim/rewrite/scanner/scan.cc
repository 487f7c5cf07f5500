#include "shim/rewrite/scanner/scan.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "shim/rewrite/gap.h"
#include "shim/rewrite/scanner/branches.h"

namespace litebox::rewrite {
namespace {

// One sweep over a range. Instructions lie one behind the other; where the bytes cannot be decoded, nothing is trusted until
// the next function begins.
class Sweep {
 public:
  Sweep(std::span<const uint8_t> bytes, const CodeRange& range, std::span<const uint64_t> functions, Scan& found)
      : bytes_(bytes), range_(range), functions_(functions), found_(found), branches_(functions) {
    ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }

  void run() {
    next_function_ =
        static_cast<size_t>(std::lower_bound(functions_.begin(), functions_.end(), range_.address) - functions_.begin());
    uint64_t at = 0;
    while (at < bytes_.size()) {
      const uint64_t limit = next_function(at);
      if (at == function_start_) trusted_ = true;
      ZydisDecodedInstruction instruction;
      const bool decoded =
          ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder_, nullptr, bytes_.data() + at, bytes_.size() - at, &instruction));
      if (!decoded || at + instruction.length > limit) {
        // Not an instruction, or one that reaches into the next function.
        trusted_ = false;
        mov_ = kNone;
        movable_.fill(kNone);
        branches_.add_unknown(range_.address + at);
        at = decoded ? limit : at + 1;
        continue;
      }
      take(at, instruction);
      at += instruction.length;
    }
    decide();
  }

 private:
  static constexpr uint64_t kNone = UINT64_MAX;

  // The offset at which the function after the one at `at` begins; notes the one that begins at `at`.
  uint64_t next_function(uint64_t at) {
    const uint64_t address = range_.address + at;
    while (next_function_ < functions_.size() && functions_[next_function_] <= address) {
      function_start_ = functions_[next_function_] - range_.address;
      ++next_function_;
    }
    if (at == 0) function_start_ = 0;
    if (next_function_ == functions_.size()) return bytes_.size();
    return std::min<uint64_t>(functions_[next_function_] - range_.address, bytes_.size());
  }

  void take(uint64_t at, const ZydisDecodedInstruction& instruction) {
    if (instruction.mnemonic == ZYDIS_MNEMONIC_SYSCALL) take_syscall(at, instruction.length);
    branches_.add(range_.address + at, instruction);
    const std::span<const uint8_t> code = bytes_.subspan(at, instruction.length);
    const bool mov = code.size() == kMovSize && code[0] == kMovEax;
    if (mov && trusted_) {
      mov_ = at;
    } else if (mov_ != kNone) {
      const uint64_t gap = at + code.size() - (mov_ + kMovSize);
      if (gap > kLongestGap || !can_be_moved(code, Number::fixed)) mov_ = kNone;
    }
    if (trusted_ && can_be_moved(code, Number::any)) {
      std::rotate(movable_.begin(), movable_.end() - 1, movable_.end());
      movable_[0] = at;
    } else {
      movable_.fill(kNone);
    }
    number_is_known_ = at != function_start_ && number_is_known_;
    if (loads_number(code)) {
      number_is_known_ = true;
    } else if (number_is_known_) {
      number_is_known_ = !forgets_number(code);
    }
  }

  void take_syscall(uint64_t at, size_t size) {
    if (!trusted_) {
      ++found_.doubtful;
      return;
    }
    if (mov_ != kNone && size == kSyscall.size()) {
      candidates_.push_back({mov_, static_cast<uint8_t>(at - mov_ - kMovSize), Number::fixed, false});
      return;
    }
    if (!number_is_known_ && size == kSyscall.size()) {
      uint64_t behind = at;  // where the one behind the first begins
      for (const uint64_t first : movable_) {
        if (first == kNone) break;
        const uint64_t moved = at - first;
        if (moved >= kMovSize) {
          candidates_.push_back({first, static_cast<uint8_t>(moved - kMovSize), Number::any, behind - first < kMovSize});
          return;
        }
        behind = first;
      }
    }
    ++found_.without_number;
  }

  // What gives rax a value that the text has: mov of it, xor with itself, and mov of half a register, in which compilers keep a
  // number over a loop.
  static bool loads_number(std::span<const uint8_t> code) {
    if (code[0] == kMovEax) return true;
    if (code.size() == 7) return code[0] == 0x48 && code[1] == 0xc7 && code[2] == 0xc0;
    const std::span<const uint8_t> bare = (code[0] & 0xfbU) == 0x40 ? code.subspan(1) : code;
    if (bare.size() != 2 || (bare[1] & 0xc7U) != 0xc0) return false;
    return bare[0] == 0x89 || (bare[0] == 0x31 && bare[1] == 0xc0);
  }

  // Whether the instruction changes rax, or does not lead to the one behind it.
  bool forgets_number(std::span<const uint8_t> code) const {
    ZydisDecodedInstruction instruction;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code.data(), code.size(), &instruction, operands.data()))) return true;
    for (const auto category : {ZYDIS_CATEGORY_CALL, ZYDIS_CATEGORY_RET, ZYDIS_CATEGORY_SYSCALL, ZYDIS_CATEGORY_UNCOND_BR}) {
      if (instruction.meta.category == category) return true;
    }
    return std::any_of(operands.begin(), operands.begin() + instruction.operand_count, [](const ZydisDecodedOperand& operand) {
      return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
             ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == ZYDIS_REGISTER_RAX;
    });
  }

  void decide() {
    branches_.sort();
    for (const Candidate& candidate : candidates_) {
      const uint64_t address = range_.address + candidate.first;
      if (branches_.lead_into(address, address + kMovSize) || (candidate.several && branches_.may_be_computed(address))) {
        ++found_.branched_into;
        continue;
      }
      uint32_t number = kAnyNumber;
      if (candidate.number == Number::any) {
        if (found_.of_any_number == kMostOfAnyNumber) {
          ++found_.without_number;
          continue;
        }
        ++found_.of_any_number;
      } else {
        number = 0;
        for (unsigned i = 0; i < 4; ++i) number |= static_cast<uint32_t>(bytes_[candidate.first + 1 + i]) << (8 * i);
        if (number == kAnyNumber) {
          ++found_.without_number;
          continue;
        }
      }
      found_.sites.push_back({range_.offset + candidate.first, number, candidate.gap});
    }
  }

  std::span<const uint8_t> bytes_;
  const CodeRange& range_;
  std::span<const uint64_t> functions_;
  Scan& found_;
  ZydisDecoder decoder_;
  size_t next_function_ = 0;
  uint64_t function_start_ = kNone;
  bool trusted_ = true;
  uint64_t mov_ = kNone;  // the mov of a number into eax before this, if there is only what can be moved between
  // The last of what can be moved before this, the nearest first: three make kMovSize, as the shortest has two bytes.
  std::array<uint64_t, 3> movable_ = {kNone, kNone, kNone};
  bool number_is_known_ = false;
  struct Candidate {
    uint64_t first;  // offset into the range
    uint8_t gap;
    Number number;
    bool several;  // the jump takes the place of more than one instruction
  };
  std::vector<Candidate> candidates_;
  Branches branches_;
};

}  // namespace

void scan_range(std::span<const uint8_t> bytes, const CodeRange& range, std::span<const uint64_t> functions, Scan& found) {
  Sweep(bytes, range, functions, found).run();
}

Result<Scan> scan(std::span<const uint8_t> file) {
  LITEBOX_ASSIGN(const ElfCode code, find_code(file));
  Scan found;
  for (const CodeRange& range : code.ranges) {
    scan_range(file.subspan(range.offset, range.size), range, code.functions, found);
  }
  return found;
}

}  // namespace litebox::rewrite
