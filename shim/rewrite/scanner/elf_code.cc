#include "shim/rewrite/scanner/elf_code.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace litebox::rewrite {
namespace {

// The object of type T at `offset`, copied out: the file's offsets need not be aligned.
template <typename T>
std::optional<T> read_at(std::span<const uint8_t> file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

bool lies_within(const Elf64_Shdr& section, std::span<const uint8_t> file) {
  return section.sh_offset <= file.size() && section.sh_size <= file.size() - section.sh_offset;
}

class Sections {
 public:
  static Result<Sections> read(std::span<const uint8_t> file) {
    const auto header = read_at<Elf64_Ehdr>(file, 0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_machine != EM_X86_64 || header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
        header->e_shoff > file.size()) {
      return Error(ENOEXEC);
    }
    Sections sections;
    sections.entry = header->e_entry;
    for (size_t i = 0; i < header->e_shnum; ++i) {
      const auto section = read_at<Elf64_Shdr>(file, header->e_shoff + i * sizeof(Elf64_Shdr));
      if (!section) return Error(ENOEXEC);
      sections.all.push_back(*section);
    }
    return sections;
  }

  std::vector<Elf64_Shdr> all;
  uint64_t entry = 0;
};

void add_functions(std::span<const uint8_t> file, const Elf64_Shdr& table, std::vector<uint64_t>& functions) {
  for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
    const auto symbol = read_at<Elf64_Sym>(file, table.sh_offset + at);
    if (!symbol) return;
    const unsigned type = ELF64_ST_TYPE(symbol->st_info);
    if ((type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF) functions.push_back(symbol->st_value);
  }
}

}  // namespace

Result<ElfCode> find_code(std::span<const uint8_t> file) {
  LITEBOX_ASSIGN(const Sections sections, Sections::read(file));
  ElfCode code;
  code.functions.push_back(sections.entry);
  for (const Elf64_Shdr& section : sections.all) {
    if (section.sh_type == SHT_NOBITS || !lies_within(section, file)) continue;
    if (section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM) add_functions(file, section, code.functions);
    const bool executable = (section.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) == (SHF_ALLOC | SHF_EXECINSTR);
    if (!executable || section.sh_type != SHT_PROGBITS || section.sh_size == 0) continue;
    if (section.sh_addr > UINT64_MAX - section.sh_size) continue;
    code.ranges.push_back({section.sh_offset, section.sh_size, section.sh_addr});
  }
  if (code.ranges.empty()) return Error(ENOEXEC);
  const auto by_offset = [](const CodeRange& a, const CodeRange& b) { return a.offset < b.offset; };
  std::sort(code.ranges.begin(), code.ranges.end(), by_offset);
  for (size_t i = 1; i < code.ranges.size(); ++i) {
    if (code.ranges[i - 1].offset + code.ranges[i - 1].size > code.ranges[i].offset) return Error(ENOEXEC);
  }
  std::sort(code.functions.begin(), code.functions.end());
  code.functions.erase(std::unique(code.functions.begin(), code.functions.end()), code.functions.end());
  return code;
}

}  // namespace litebox::rewrite
