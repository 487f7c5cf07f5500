#include "shim/rewrite/scanner/scan.h"

#include <Zydis/Zydis.h>

#include <algorithm>

#include "shim/rewrite/gap.h"

namespace litebox::rewrite {
namespace {

// One sweep over a range. Instructions lie one behind the other; where the bytes cannot be decoded, nothing is trusted until
// the next function begins.
class Sweep {
 public:
  Sweep(std::span<const uint8_t> bytes, const CodeRange& range, std::span<const uint64_t> functions, Scan& found)
      : bytes_(bytes), range_(range), functions_(functions), found_(found) {
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
    if (instruction.mnemonic == ZYDIS_MNEMONIC_SYSCALL) {
      if (!trusted_) {
        ++found_.doubtful;
      } else if (mov_ == kNone || instruction.length != kSyscall.size()) {
        ++found_.without_number;
      } else {
        candidates_.push_back({mov_, static_cast<uint8_t>(at - mov_ - kMovSize)});
      }
    }
    for (const auto& immediate : instruction.raw.imm) {
      if (immediate.size == 0 || immediate.is_relative == ZYAN_FALSE) continue;
      targets_.push_back(range_.address + at + instruction.length + immediate.value.u);
    }
    const bool mov = instruction.length == kMovSize && bytes_[at] == kMovEax;
    if (mov && trusted_) {
      mov_ = at;
    } else if (mov_ != kNone) {
      const uint64_t gap = at + instruction.length - (mov_ + kMovSize);
      if (gap > kLongestGap || !can_be_moved(bytes_.subspan(at, instruction.length))) mov_ = kNone;
    }
  }

  bool leads_inside(std::span<const uint64_t> sorted, uint64_t mov) const {
    const uint64_t first_inside = range_.address + mov + 1;
    const auto found = std::lower_bound(sorted.begin(), sorted.end(), first_inside);
    return found != sorted.end() && *found < range_.address + mov + kMovSize;
  }

  void decide() {
    std::sort(targets_.begin(), targets_.end());
    for (const auto& [mov, gap] : candidates_) {
      if (leads_inside(targets_, mov) || leads_inside(functions_, mov)) {
        ++found_.branched_into;
        continue;
      }
      uint32_t number = 0;
      for (unsigned i = 0; i < 4; ++i) number |= static_cast<uint32_t>(bytes_[mov + 1 + i]) << (8 * i);
      found_.sites.push_back({range_.offset + mov, number, gap});
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
  struct Candidate {
    uint64_t mov;  // offset into the range
    uint8_t gap;
  };
  std::vector<Candidate> candidates_;
  std::vector<uint64_t> targets_;  // addresses to which direct branches lead
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
