// The blob's layout is an ABI: the monitor sends threads to these addresses.
#include "shim/guest/blob_image.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "shim/guest/abi.h"

namespace litebox {
namespace {

Elf64_Ehdr header() {
  Elf64_Ehdr result{};
  std::memcpy(&result, blob_image().data(), sizeof(result));
  return result;
}

std::vector<Elf64_Phdr> segments(uint32_t type) {
  std::vector<Elf64_Phdr> result;
  for (unsigned i = 0; i < header().e_phnum; ++i) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, blob_image().data() + header().e_phoff + i * sizeof(segment), sizeof(segment));
    if (segment.p_type == type) result.push_back(segment);
  }
  return result;
}

TEST(BlobImage, IsOneReadOnlyExecutableSegmentAtItsBase) {
  ASSERT_EQ(std::memcmp(blob_image().data(), ELFMAG, SELFMAG), 0);
  EXPECT_EQ(header().e_type, ET_EXEC);
  const auto loads = segments(PT_LOAD);
  ASSERT_EQ(loads.size(), 1U);
  EXPECT_EQ(loads[0].p_vaddr, abi::kBlobBase);
  EXPECT_EQ(loads[0].p_flags, static_cast<uint32_t>(PF_R | PF_X));
  EXPECT_EQ(loads[0].p_filesz, loads[0].p_memsz);
  EXPECT_LE(loads[0].p_memsz, 2U * 4096U);
  const auto stacks = segments(PT_GNU_STACK);
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0].p_flags, static_cast<uint32_t>(PF_R | PF_W));
}

TEST(BlobImage, HasTheNudgeStubAndTheEmptyStringInTheirPlaces) {
  const auto text = blob_image().subspan(segments(PT_LOAD).at(0).p_offset);
  const auto at = [&](uint64_t address) { return text.subspan(address - abi::kBlobBase); };
  EXPECT_EQ(std::memcmp(at(abi::kNudgeEntry).data(), "\x0f\x05\x48\x89\xc7\x4c\x89\xfe\xb8", 9),
            0);  // syscall; mov %rax, %rdi; mov %r15, %rsi; mov $, %eax
  uint32_t number = 0;
  std::memcpy(&number, at(abi::kNudgeEntry + 9).data(), sizeof(number));
  EXPECT_EQ(number, abi::kHypercallDone);
  EXPECT_EQ(at(abi::kEmptyString)[0], std::byte{0});
}

TEST(BlobImage, IsLittleMoreThanItsText) { EXPECT_LE(blob_image().size(), 3U * 4096U); }

}  // namespace
}  // namespace litebox
