// The filter at kLockdownProgram.
#include <asm/errno.h>
#include <asm/unistd_64.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "shim/guest/abi.h"

namespace litebox::guest {
namespace {

constexpr uint16_t kLoadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;
constexpr uint32_t kUpperHalf = 4;  // of a register, in bytes

// Marked calls by the register that has the mark, then three loads, the comparison and the answers.
constexpr uint8_t kLoads = 12;  // where the loads begin
constexpr uint8_t kAllow = 18;  // where the answers are
constexpr uint8_t to(uint8_t target, uint8_t from) { return static_cast<uint8_t>(target - from - 1); }

constexpr uint32_t upper_half(uint32_t argument) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args)) + argument * 8 + kUpperHalf;
}

}  // namespace

// struct sock_fprog and its program.
struct Lockdown {
  uint16_t length;
  uint16_t padding[3];
  uint64_t program;
  sock_filter filter[20];
};

extern "C" [[gnu::used, gnu::section(".rodata.lockdown")]] const Lockdown lockdown = {
    20,
    {},
    abi::kLockdownProgram + 16,
    {
        {kLoadWord, 0, 0, offsetof(seccomp_data, nr)},
        {kIfEqual, to(kLoads, 1), 0, __NR_openat},
        {kIfEqual, to(kLoads, 2), 0, __NR_newfstatat},
        {kIfEqual, to(kLoads, 3), 0, __NR_statx},
        {kIfEqual, to(kLoads, 4), 0, __NR_readlinkat},
        {kIfEqual, to(kLoads, 5), 0, __NR_faccessat},
        {kIfEqual, to(kLoads, 6), 0, 439 /* faccessat2 */},
        {kIfEqual, to(kLoads, 7), 0, 464 /* getxattrat */},
        {kIfEqual, to(kLoads + 2, 8), 0, __NR_open},
        {kIfEqual, to(kLoads + 2, 9), 0, __NR_access},
        {kIfEqual, to(kLoads + 2, 10), 0, __NR_chdir},
        {kIfEqual, to(kLoads + 4, 11), to(kAllow, 11), __NR_readlink},
        {kLoadWord, 0, 0, upper_half(0)},
        {BPF_JMP | BPF_JA, 0, 0, 3},
        {kLoadWord, 0, 0, upper_half(1)},
        {BPF_JMP | BPF_JA, 0, 0, 1},
        {kLoadWord, 0, 0, upper_half(2)},
        {kIfEqual, 1, 0, static_cast<uint32_t>(abi::kMark >> 32U)},
        {kReturn, 0, 0, SECCOMP_RET_ALLOW},
        {kReturn, 0, 0, SECCOMP_RET_ERRNO | EACCES},
    }};
static_assert(offsetof(Lockdown, filter) == 16);

}  // namespace litebox::guest
