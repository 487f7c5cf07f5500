// What the blob's first page begins with: the nudge stub at kNudgeEntry, the empty string at kEmptyString, the way to
// map_entry() at kMapEntry, the container's ids at kIds, and the entry point to which the kernel hands a freshly executed
// process.
//
// Rules of this file: the nudge stub runs with the guest's stack pointer, whatever that is, and may touch no memory at all.
#include "shim/guest/abi.h"
#include "shim/guest/loader.h"

namespace litebox::guest {
namespace {

// The stack below the kernel's vectors, from top to bottom: room into which the vectors move down, the Launch, and half a
// page of frames. The Launch begins in the middle of a page, so that its head and the frames cost one page fault together.
constexpr uint64_t kBelowVectors = kVectorRoom + abi::kLaunchCapacity + kPage / 2;

}  // namespace

// A signal may end the wait of kHypercallDone with EINTR before the monitor has received it; rdi and rsi survive: ask again.
extern "C" [[gnu::naked, gnu::used, gnu::section(".text.nudge")]] void nudge_entry() {
  asm volatile(
      "syscall\n"
      "mov %%rax, %%rdi\n"
      "mov %%r15, %%rsi\n"
      "1: mov %0, %%eax\n"
      "syscall\n"
      "jmp 1b\n"
      ".org %c1\n"
      ".byte 0\n"
      ".org %c2\n"
      "jmp map_entry\n"
      :
      : "i"(abi::kHypercallDone), "i"(abi::kEmptyString - abi::kBlobBase), "i"(abi::kMapEntry - abi::kBlobBase));
}

// ELF_PLAT_INIT of x86-64: every register is zero at a program's entry, and the flags are only the always-set one and IF.
extern "C" [[gnu::naked, gnu::used, noreturn]] void blob_start() {
  asm volatile(
      "mov %%rsp, %%rdi\n"
      "sub %0, %%rsp\n"
      "and %1, %%rsp\n"
      "add %2, %%rsp\n"
      "mov %%rsp, %%rsi\n"
      "xor %%ebp, %%ebp\n"
      "call load_program\n"
      "lea -16(%%rdx), %%rsp\n"
      "movq $0x202, (%%rsp)\n"
      "mov %%rax, 8(%%rsp)\n"
      "xor %%eax, %%eax\n"
      "xor %%ebx, %%ebx\n"
      "xor %%ecx, %%ecx\n"
      "xor %%edx, %%edx\n"
      "xor %%esi, %%esi\n"
      "xor %%edi, %%edi\n"
      "xor %%r8d, %%r8d\n"
      "xor %%r9d, %%r9d\n"
      "xor %%r10d, %%r10d\n"
      "xor %%r11d, %%r11d\n"
      "xor %%r12d, %%r12d\n"
      "xor %%r13d, %%r13d\n"
      "xor %%r14d, %%r14d\n"
      "xor %%r15d, %%r15d\n"
      "popf\n"
      "ret\n"
      :
      : "i"(kBelowVectors + kPage), "i"(-static_cast<int64_t>(kPage)), "i"(kPage / 2));
}

}  // namespace litebox::guest
