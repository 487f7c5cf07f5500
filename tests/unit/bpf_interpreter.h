// Runs seccomp filters as the kernel does, so that tests can ask one about any call.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace litebox::test {

// The result, or nothing for a program that the kernel would not take: an unknown instruction, a jump or a load out of range.
// With `only_number`, also nothing when the result depends on more than number and architecture: the kernel's bitmap cache
// (kernel/seccomp.c, seccomp_is_const_allow) holds exactly the calls for which that gives SECCOMP_RET_ALLOW.
inline std::optional<uint32_t> run_filter(std::span<const sock_filter> program, const seccomp_data& data,
                                          bool only_number = false) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    bool taken = false;
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (instruction.k % 4 != 0 || instruction.k + 4 > sizeof data) return std::nullopt;
        if (only_number && instruction.k != offsetof(seccomp_data, nr) && instruction.k != offsetof(seccomp_data, arch)) {
          return std::nullopt;
        }
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + instruction.k, sizeof accumulator);
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= instruction.k;
        continue;
      case BPF_RET | BPF_K:
        return instruction.k;
      case BPF_JMP | BPF_JA:
        at += instruction.k;
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        taken = accumulator == instruction.k;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        taken = accumulator >= instruction.k;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        taken = accumulator > instruction.k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        taken = (accumulator & instruction.k) != 0;
        break;
      default:
        return std::nullopt;
    }
    at += taken ? instruction.jt : instruction.jf;
  }
  return std::nullopt;
}

inline seccomp_data call_of(int64_t number, std::span<const uint64_t> arguments = {},
                            uint32_t architecture = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = architecture;
  for (size_t i = 0; i < arguments.size() && i < 6; ++i) data.args[i] = arguments[i];
  return data;
}

}  // namespace litebox::test
