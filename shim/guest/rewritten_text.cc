#include "shim/guest/rewritten_text.h"

#include <asm/errno.h>
#include <linux/mman.h>

namespace litebox::guest {
namespace {

bool map(uint64_t address, uint64_t size, int fd, uint64_t offset, uint64_t how) {
  const long mapped =
      call(__NR_mmap, address, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | how, static_cast<uint64_t>(fd), offset);
  return static_cast<uint64_t>(mapped) == address;
}

}  // namespace

void map_rewritten_text(const abi::RewrittenText& text, uint64_t address) {
  if (text.run_count == 0) return;
  // Below an image that has just been mapped there is room, unless it fills a hole.
  const uint64_t trampolines = address - text.trampolines_distance;
  if (map(trampolines, text.trampolines_size, text.fd, text.trampolines_offset, MAP_FIXED_NOREPLACE)) {
    for (uint32_t i = 0; i < text.run_count && i < abi::kMostRuns; ++i) {
      const abi::RewrittenText::Run& run = text.runs[i];
      map(address + (run.file_offset - text.text_offset), run.size, text.fd, run.file_offset, MAP_FIXED);
    }
  }
  call(__NR_close, static_cast<uint64_t>(text.fd));
}

// What an ELF interpreter has mapped executable at `address`: its own file's text, of which the monitor knows more.
extern "C" [[gnu::used]] void rewrite_mapping(uint64_t address, uint64_t size, uint64_t fd, uint64_t offset) {
  abi::RewrittenText text;
  text.run_count = 0;
  long answer = 0;
  do {
    answer = call(abi::kHypercallText, fd, address_of(&text));
  } while (answer == -EINTR);
  if (answer != 0 || text.run_count == 0) return;
  if (text.text_offset == offset && text.text_size == page_ceiling(size)) {
    map_rewritten_text(text, address);
  } else {
    call(__NR_close, static_cast<uint64_t>(text.fd));
  }
}

// The site's registers but for rcx, r11 and rax are its own again at the end; its stack has a red zone.
extern "C" [[gnu::naked, gnu::used]] void map_entry() {
  asm volatile(
      "test %0, %%dl\n"
      "jz 1f\n"
      "test %1, %%r10b\n"
      "jnz 1f\n"
      "test %%r8d, %%r8d\n"
      "js 1f\n"
      "lea -128(%%rsp), %%rsp\n"
      "push %%rcx\n"
      "mov %2, %%eax\n"
      "syscall\n"
      "cmp $-4095, %%rax\n"
      "jae 2f\n"
      "push %%rax\n"
      "push %%rdi\n"
      "push %%rsi\n"
      "push %%rdx\n"
      "push %%r10\n"
      "push %%r8\n"
      "push %%r9\n"
      "mov %%rax, %%rdi\n"
      "mov %%r8, %%rdx\n"
      "mov %%r9, %%rcx\n"
      "call rewrite_mapping\n"
      "pop %%r9\n"
      "pop %%r8\n"
      "pop %%r10\n"
      "pop %%rdx\n"
      "pop %%rsi\n"
      "pop %%rdi\n"
      "pop %%rax\n"
      "2: pop %%rcx\n"
      "lea 128(%%rsp), %%rsp\n"
      "add $2, %%rcx\n"
      "jmp *%%rcx\n"
      "1: mov %2, %%eax\n"
      "jmp *%%rcx\n"
      :
      : "i"(PROT_EXEC), "i"(MAP_ANONYMOUS), "i"(__NR_mmap));
}

}  // namespace litebox::guest
