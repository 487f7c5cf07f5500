#include "shim/rewrite/text_segment.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <optional>
#include <vector>

#include "shim/rewrite/site.h"

namespace litebox::rewrite {
namespace {

constexpr uint64_t kHighest = 1ULL << 47U;  // TASK_SIZE, and more than any file's length here
constexpr size_t kMostSegments = 128;

Result<Elf64_Ehdr> read_header(int fd) {
  Elf64_Ehdr header;
  if (::pread(fd, &header, sizeof header, 0) != sizeof header) return Error(ENOEXEC);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_machine != EM_X86_64 || (header.e_type != ET_EXEC && header.e_type != ET_DYN) ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > kMostSegments ||
      header.e_phoff > kHighest) {
    return Error(ENOEXEC);
  }
  return header;
}

bool in_bounds(const Elf64_Phdr& segment) {
  return segment.p_vaddr < kHighest && segment.p_memsz < kHighest && segment.p_filesz <= segment.p_memsz &&
         segment.p_offset < kHighest && segment.p_offset % kPage == segment.p_vaddr % kPage;
}

}  // namespace

Result<TextSegment> find_text_segment(int fd) {
  LITEBOX_ASSIGN(const Elf64_Ehdr header, read_header(fd));
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  const size_t size = segments.size() * sizeof(Elf64_Phdr);
  if (::pread(fd, segments.data(), size, static_cast<off_t>(header.e_phoff)) != static_cast<ssize_t>(size)) {
    return Error(ENOEXEC);
  }
  std::optional<Elf64_Phdr> text;
  uint64_t lowest = UINT64_MAX;
  uint64_t highest = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD) continue;
    if (!in_bounds(segment)) return Error(ENOEXEC);
    lowest = std::min(lowest, page_floor(segment.p_vaddr));
    highest = std::max(highest, segment.p_vaddr + segment.p_filesz);
    if ((segment.p_flags & PF_X) == 0) continue;
    if (text || (segment.p_flags & PF_W) != 0 || segment.p_filesz != segment.p_memsz || segment.p_filesz == 0) {
      return Error(ENOEXEC);
    }
    text = segment;
  }
  if (!text) return Error(ENOEXEC);
  const uint64_t in_page = text->p_vaddr % kPage;
  const TextSegment found{
      text->p_offset - in_page, page_ceiling(in_page + text->p_filesz), text->p_vaddr - in_page, lowest, highest,
      header.e_type == ET_DYN};
  if (found.size > kLargestText || found.highest - found.lowest > 2 * kLargestText) return Error(E2BIG);
  return found;
}

}  // namespace litebox::rewrite
