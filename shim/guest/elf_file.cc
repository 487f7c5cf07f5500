#include "shim/guest/elf_file.h"

#include <asm/errno.h>
#include <linux/mman.h>

namespace litebox::guest {
namespace {

constexpr uint64_t kPieRandomPages = 1ULL << 28U;  // mmap_rnd_bits' default

long protection_of(const Elf64_Phdr& segment) {
  return ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) | ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

long map_memory(uint64_t address, uint64_t size, uint64_t protection, uint64_t flags, int fd = -1, uint64_t offset = 0) {
  return call(__NR_mmap, address, size, protection, flags | MAP_PRIVATE, static_cast<uint64_t>(fd), offset);
}

void least(uint64_t& value, uint64_t candidate) { value = candidate < value ? candidate : value; }
void most(uint64_t& value, uint64_t candidate) { value = candidate > value ? candidate : value; }

}  // namespace

// One read fetches the header and, in nearly every file, all program headers.
long ElfFile::read_header() {
  const long size = call(__NR_pread64, static_cast<uint64_t>(fd_), address_of(&bytes_), sizeof(bytes_), 0);
  if (failed(size)) return size;
  const Elf64_Ehdr& header = bytes_.header;
  if (size < static_cast<long>(sizeof(header))) return -ENOEXEC;
  const bool magic = header.e_ident[EI_MAG0] == ELFMAG0 && header.e_ident[EI_MAG1] == ELFMAG1 &&
                     header.e_ident[EI_MAG2] == ELFMAG2 && header.e_ident[EI_MAG3] == ELFMAG3;
  if (!magic || header.e_machine != EM_X86_64 || (header.e_type != ET_EXEC && header.e_type != ET_DYN) ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > 65536 / sizeof(Elf64_Phdr)) {
    return -ENOEXEC;
  }
  if (header.e_phoff == sizeof(header)) {
    window_count_ = static_cast<unsigned>((static_cast<uint64_t>(size) - sizeof(header)) / sizeof(Elf64_Phdr));
  }
  return 0;
}

const Elf64_Phdr* ElfFile::segment(unsigned index) {
  if (index - window_first_ >= window_count_) {
    const uint64_t offset = bytes_.header.e_phoff + static_cast<uint64_t>(index) * sizeof(Elf64_Phdr);
    const long size = call(__NR_pread64, static_cast<uint64_t>(fd_), address_of(bytes_.window), sizeof(bytes_.window), offset);
    window_first_ = index;
    window_count_ = size < 0 ? 0 : static_cast<unsigned>(static_cast<uint64_t>(size) / sizeof(Elf64_Phdr));
    if (window_count_ == 0) return nullptr;
  }
  return &bytes_.window[index - window_first_];
}

// total_mapping_size(), maximum_alignment() and the checks of load_elf_binary(), before anything is mapped.
long ElfFile::survey(Extent& extent, Image& image) {
  const Elf64_Ehdr& header = bytes_.header;
  image.program_header_count = header.e_phnum;
  image.program_headers = 0;
  image.start_code = UINT64_MAX;
  image.end_code = image.start_data = image.end_data = image.end = 0;
  image.executable_stack = false;
  uint64_t first = UINT64_MAX;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const Elf64_Phdr* const s = segment(i);
    if (s == nullptr) return -ENOEXEC;
    if (s->p_type == PT_GNU_STACK) image.executable_stack = (s->p_flags & PF_X) != 0;
    if (s->p_type != PT_LOAD) continue;
    if (s->p_vaddr >= kTaskSize || s->p_filesz > s->p_memsz || s->p_memsz > kTaskSize - s->p_vaddr ||
        s->p_offset > UINT64_MAX - s->p_filesz - kPage) {
      return -EINVAL;
    }
    // Where nothing is mapped from the file, its offset means nothing.
    if (s->p_filesz != 0 && page_offset(s->p_offset) != page_offset(s->p_vaddr)) return -EINVAL;
    if (first == UINT64_MAX) {
      first = page_floor(s->p_vaddr);
      extent.begins_with_lowest = s->p_filesz != 0;
    }
    const uint64_t file_end = s->p_vaddr + s->p_filesz;
    const uint64_t memory_end = s->p_vaddr + s->p_memsz;
    least(extent.low, page_floor(s->p_vaddr));
    most(extent.high, page_ceiling(memory_end));
    if ((s->p_align & (s->p_align - 1)) == 0) most(extent.alignment, s->p_align);
    if (s->p_offset <= header.e_phoff && header.e_phoff < s->p_offset + s->p_filesz) {
      image.program_headers = header.e_phoff - s->p_offset + s->p_vaddr;
    }
    if ((s->p_flags & PF_X) != 0) {
      least(image.start_code, s->p_vaddr);
      most(image.end_code, file_end);
    }
    most(image.start_data, s->p_vaddr);
    most(image.end_data, file_end);
    most(image.end, memory_end);
  }
  if (extent.high <= extent.low || extent.high > kTaskSize || extent.alignment > kTaskSize) return -EINVAL;
  extent.begins_with_lowest &= first == extent.low;
  return 0;
}

// Chooses the base address, and leaves the range reserved unless the first segment can do that by itself: then
// `first_flags` says how it is to be mapped, at extent.low + base, over the whole range.
long ElfFile::place(Role role, const Extent& extent, Random& random, uint64_t& base, uint64_t& first_flags) {
  const uint64_t size = extent.high - extent.low;
  uint64_t address = 0;  // anywhere
  first_flags = MAP_FIXED_NOREPLACE;
  if (bytes_.header.e_type == ET_EXEC) {
    address = extent.low;
  } else if (role == Role::kDynamicProgram) {
    address = kPieBase + (random.enabled() ? random.below(kPieRandomPages) * kPage : 0);
    address = (address & ~(extent.alignment - 1)) + extent.low % extent.alignment;
  } else if (role == Role::kStaticProgram && extent.alignment > kPage) {
    const long found = map_memory(0, size + extent.alignment, PROT_NONE, MAP_ANONYMOUS | MAP_NORESERVE);
    if (failed(found)) return found;
    call(__NR_munmap, static_cast<uint64_t>(found), size + extent.alignment);
    address = ((static_cast<uint64_t>(found) + extent.alignment - 1) & ~(extent.alignment - 1)) + extent.low % extent.alignment;
  } else {
    first_flags = 0;
  }
  if (!extent.begins_with_lowest) {
    const long found = map_memory(address, size, PROT_NONE, MAP_ANONYMOUS | MAP_NORESERVE | first_flags);
    if (failed(found)) return found;
    address = static_cast<uint64_t>(found);
    first_flags = MAP_FIXED;
  }
  base = address - extent.low;
  return 0;
}

// elf_load(): `reserve`, when not 0, is the size of the whole image, which the first segment's mapping claims for a moment.
// Returns the address of the segment's first page or -errno.
long ElfFile::map_segment(const Elf64_Phdr& segment, uint64_t address, uint64_t flags, uint64_t reserve) {
  const long protection = protection_of(segment);
  const uint64_t in_page = page_offset(segment.p_vaddr);
  uint64_t start = page_floor(address);
  uint64_t zero_from = start;
  if (segment.p_filesz != 0) {
    const uint64_t size = page_ceiling(in_page + segment.p_filesz);
    const long mapped = map_memory(start, reserve > size ? reserve : size, static_cast<uint64_t>(protection), flags, fd_,
                                   segment.p_offset - in_page);
    if (failed(mapped)) return mapped;
    start = static_cast<uint64_t>(mapped);
    if (reserve > size) call(__NR_munmap, start + size, reserve - size);
    zero_from = start + size;
    const uint64_t file_end = start + in_page + segment.p_filesz;
    if (segment.p_memsz > segment.p_filesz && (protection & PROT_WRITE) != 0) {
      zero(reinterpret_cast<void*>(file_end), zero_from - file_end);
    }
  }
  const uint64_t end = page_ceiling(start + in_page + segment.p_memsz);
  if (segment.p_memsz > segment.p_filesz && end > zero_from) {
    const long mapped =
        map_memory(zero_from, end - zero_from, PROT_READ | PROT_WRITE | (protection & PROT_EXEC), MAP_ANONYMOUS | MAP_FIXED);
    if (failed(mapped)) return mapped;
  }
  return static_cast<long>(start);
}

long ElfFile::map(Role role, Random& random, Image& image) {
  if (const long error = read_header(); error != 0) return error;
  Extent extent;
  if (const long error = survey(extent, image); error != 0) return error;
  uint64_t flags = 0;
  if (const long error = place(role, extent, random, image.base, flags); error != 0) return error;

  bool first = true;
  for (unsigned i = 0; i < bytes_.header.e_phnum; ++i) {
    const Elf64_Phdr* const s = segment(i);
    if (s == nullptr) return -ENOEXEC;
    if (s->p_type != PT_LOAD) continue;
    const bool reserves = first && flags != MAP_FIXED;
    const uint64_t hint = reserves && flags == 0 ? 0 : image.base + s->p_vaddr;
    const long mapped = map_segment(*s, hint, first ? flags : MAP_FIXED, reserves ? extent.high - extent.low : 0);
    if (failed(mapped)) return mapped;
    if (first && flags != MAP_FIXED && static_cast<uint64_t>(mapped) != page_floor(hint) && hint != 0) {
      return -EEXIST;  // a kernel before 4.17 takes MAP_FIXED_NOREPLACE for a hint
    }
    if (first) image.base = static_cast<uint64_t>(mapped) - page_floor(s->p_vaddr);
    first = false;
  }

  image.fixed_address = bytes_.header.e_type == ET_EXEC;
  image.entry = bytes_.header.e_entry + image.base;
  image.program_headers += image.base;
  image.start_code += image.base;
  image.end_code += image.base;
  image.start_data += image.base;
  image.end_data += image.base;
  image.end += image.base;
  return image.entry >= kTaskSize ? -EINVAL : 0;
}

}  // namespace litebox::guest
