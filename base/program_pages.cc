#include "base/program_pages.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

// Where the program's file begins in memory: the linker's symbol.
extern "C" __attribute__((visibility("hidden"))) const Elf64_Ehdr __ehdr_start;  // NOLINT(bugprone-reserved-identifier)

namespace litebox {

void release_program_pages() {
  const auto base = reinterpret_cast<uintptr_t>(&__ehdr_start);
  const auto* headers = reinterpret_cast<const Elf64_Phdr*>(base + __ehdr_start.e_phoff);
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)) - 1;
  for (int i = 0; i < __ehdr_start.e_phnum; ++i) {
    const Elf64_Phdr& segment = headers[i];
    // What is written, if only by the linker, is in no file.
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (base + segment.p_vaddr) & ~page;
    const uintptr_t end = (base + segment.p_vaddr + segment.p_memsz + page) & ~page;
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

}  // namespace litebox
