// execve from a rewritten site, at kExecEntry: the call, and what a nudge would do upon its answer.
//
// The stack keeps, below its red zone, what the second call's registers have to be: a failed execve leaves all of them as they
// were. A signal that comes before the monitor has received a call makes it EINTR, which execve(2) knows nothing of: once more.
#include <asm/errno.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>

#include "shim/guest/abi.h"

namespace litebox::guest {
namespace {

constexpr uint64_t offset_of(uint64_t address) { return address - abi::kExecEntry; }
constexpr int kNop = 0x90;

}  // namespace

// From the stack pointer up: the loader's descriptor (once there is one), rdi, rsi, rdx, r8, r10, rcx.
extern "C" [[gnu::naked, gnu::used, gnu::section(".text.exec")]] void exec_entry() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n"
      "push %%rcx\n"
      "push %%r10\n"
      "push %%r8\n"
      "push %%rdx\n"
      "push %%rsi\n"
      "push %%rdi\n"
      ".org %c0 - 7, %c2\n"
      "1: mov %3, %%eax\n"
      "syscall\n"
      "cmp %4, %%rax\n"
      "je 1b\n"
      "test %%rax, %%rax\n"
      "js 4f\n"
      "push %%rax\n"
      "2: mov (%%rsp), %%rdi\n"
      "mov 16(%%rsp), %%rdx\n"
      "mov 24(%%rsp), %%r10\n"
      "movabs %5, %%rsi\n"
      "mov %6, %%r8d\n"
      ".org %c1 - 7, %c2\n"
      "mov %7, %%eax\n"
      "syscall\n"
      "cmp %4, %%rax\n"
      "je 2b\n"
      "push %%rax\n"
      "3: mov %8, %%eax\n"
      "syscall\n"
      "cmp %4, %%rax\n"
      "je 3b\n"
      "mov %9, %%eax\n"
      "syscall\n"
      "pop %%rax\n"
      "pop %%rdi\n"
      "4: pop %%rdi\n"
      "pop %%rsi\n"
      "pop %%rdx\n"
      "pop %%r8\n"
      "pop %%r10\n"
      "pop %%rcx\n"
      "lea 128(%%rsp), %%rsp\n"
      "lea 2(%%rcx), %%rcx\n"
      "jmp *%%rcx\n"
      :
      : "i"(offset_of(abi::kAfterExecCall)), "i"(offset_of(abi::kAfterExecLoader)), "i"(kNop), "i"(__NR_execve), "i"(-EINTR),
        "i"(abi::kEmptyString), "i"(AT_EMPTY_PATH), "i"(__NR_execveat), "i"(abi::kHypercallExecFailed), "i"(__NR_close));
}

// The monitor's to fill in, in the file that guests execute.
extern "C" [[gnu::used, gnu::section(".rodata.ids")]] const abi::Ids ids = {};

}  // namespace litebox::guest
