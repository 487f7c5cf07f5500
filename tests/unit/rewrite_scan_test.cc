// Which sites the scanner finds and, above all, which it refuses.
#include <Zydis/Zydis.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <fstream>
#include <initializer_list>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "shim/rewrite/scanner/scan.h"
#include "shim/rewrite/site_list.h"

namespace litebox::rewrite {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kAddress = 0x401000;
constexpr uint64_t kOffset = 0x1000;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes site(uint32_t number) {
  const auto mov = mov_of(number);
  Bytes bytes(mov.begin(), mov.end());
  bytes.insert(bytes.end(), kSyscall.begin(), kSyscall.end());
  return bytes;
}

const Bytes kReturn = {0xc3};
const Bytes kNop = {0x90};

Scan scan_code(const Bytes& code, const std::vector<uint64_t>& functions = {}) {
  Scan found;
  scan_range(code, {kOffset, code.size(), kAddress}, functions, found);
  return found;
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(RewriteScan, FindsASite) {
  const Scan found = scan_code(kNop + site(SYS_getpid) + kReturn + site(SYS_vfork) + kReturn);
  EXPECT_EQ(found.sites, (std::vector<Site>{{kOffset + 1, SYS_getpid}, {kOffset + 9, SYS_vfork}}));
  EXPECT_EQ(found.without_number + found.branched_into + found.doubtful, 0U);
}

TEST(RewriteScan, LeavesASyscallWithoutANumberBeforeIt) {
  const Scan found = scan_code(Bytes{0x89, 0xf8, 0x0f, 0x05} + kReturn);  // mov %edi,%eax; syscall
  EXPECT_TRUE(found.sites.empty());
  EXPECT_EQ(found.without_number, 1U);
}

TEST(RewriteScan, LeavesASyscallWithWhatCannotBeMovedBetween) {
  const std::vector<Bytes> between = {
      {0x90},                                                              // nop
      {0x89, 0xc7},                                                        // mov %eax,%edi
      {0x89, 0xf8},                                                        // mov %edi,%eax
      {0x48, 0x8d, 0x3d, 0x00, 0x00, 0x00, 0x00},                          // lea 0(%rip),%rdi
      {0x48, 0x89, 0x37},                                                  // mov %rsi,(%rdi)
      {0x48, 0x89, 0xfc},                                                  // mov %rdi,%rsp
      {0xbf, 1, 0, 0, 0, 0xbe, 1, 0, 0, 0, 0xba, 1, 0, 0, 0, 0x31, 0xff},  // too long
  };
  for (const Bytes& code : between) {
    const Scan found = scan_code(Bytes{0xb8, 39, 0, 0, 0} + code + Bytes{0x0f, 0x05});
    EXPECT_TRUE(found.sites.empty()) << int{code[0]};
    EXPECT_EQ(found.without_number, 1U) << int{code[0]};
  }
}

// As glibc's __open_nocancel() has them: mov $257,%eax; mov %rdi,%rsi; mov $AT_FDCWD,%edi; syscall.
TEST(RewriteScan, FindsASiteWithMovesBetween) {
  const Bytes between = {0x48, 0x89, 0xfe, 0xbf, 0x9c, 0xff, 0xff, 0xff};
  const Scan found = scan_code(Bytes{0xb8, 1, 1, 0, 0} + between + Bytes{0x0f, 0x05});
  EXPECT_EQ(found.sites, (std::vector<Site>{{kOffset, SYS_openat, 8}}));
}

// mov %rdi,%rax; ...; mov 8(%rsp),%r9; syscall
const Bytes kOfTheCLibrary = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x4d, 0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05};
// mov %rdi,%rdx; mov %rcx,%rsi; mov %rbx,%rdi; syscall
const Bytes kOfGo = {0x48, 0x89, 0xfa, 0x48, 0x89, 0xce, 0x48, 0x89, 0xdf, 0x0f, 0x05};
const Bytes kJumpToTable = {0xff, 0x24, 0xc5, 0, 0, 0, 0};  // jmp *0(,%rax,8)

TEST(RewriteScan, FindsASiteOfAnyNumber) {
  EXPECT_EQ(scan_code(kOfTheCLibrary + kReturn).sites, (std::vector<Site>{{kOffset + 9, kAnyNumber, 0}}));
  EXPECT_EQ(scan_code(kOfGo + kReturn).sites, (std::vector<Site>{{kOffset + 3, kAnyNumber, 1}}));
  // As Go had it before: mov 8(%rsp),%rax.
  EXPECT_EQ(scan_code(Bytes{0x48, 0x8b, 0x44, 0x24, 0x08, 0x0f, 0x05}).sites, (std::vector<Site>{{kOffset, kAnyNumber, 0}}));
}

TEST(RewriteScan, LeavesASyscallOfAnyNumberWithoutRoomBeforeIt) {
  const std::vector<Bytes> before = {
      {},
      {0x48, 0x89, 0xdf},                                            // mov %rbx,%rdi
      {0x48, 0x89, 0xce, 0x90, 0x48, 0x89, 0xdf},                    // with a nop between
      {0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x5e},                          // mov 8(%rsp),%r9; pop %rsi
      {0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x4c, 0x89, 0x5c, 0x24, 0x08},  // mov %r11,8(%rsp) behind it
      {0x48, 0x8b, 0x64, 0x24, 0x08},                                // mov 8(%rsp),%rsp
      {0x4c, 0x8b, 0x4f, 0x08, 0x90},                                // mov 8(%rdi),%r9
      {0x4d, 0x8b, 0x4c, 0x24, 0x08},                                // mov 8(%r12),%r9
      {0x48, 0x8b, 0x3d, 0, 0, 0, 0},                                // mov 0(%rip),%rdi
  };
  for (const Bytes& code : before) {
    const Scan found = scan_code(kNop + code + Bytes{0x0f, 0x05});
    EXPECT_TRUE(found.sites.empty()) << code.size();
    EXPECT_EQ(found.without_number, 1U) << code.size();
  }
}

// What is called is known: such a site would be one of the few of any number for nothing.
TEST(RewriteScan, LeavesASyscallWhoseNumberIsKnown) {
  const std::vector<Bytes> loads = {
      {0xb8, 202, 0, 0, 0},              // mov $202,%eax
      {0x48, 0xc7, 0xc0, 202, 0, 0, 0},  // mov $202,%rax
      {0x31, 0xc0},                      // xor %eax,%eax
      {0x44, 0x89, 0xc8},                // mov %r9d,%eax
  };
  const Bytes other = {0x48, 0x83, 0xc7, 0x01};  // add $1,%rdi
  for (const Bytes& load : loads) EXPECT_TRUE(scan_code(load + other + kOfGo).sites.empty()) << int{load[0]};
  for (const Bytes& change : {Bytes{0x48, 0x01, 0xf8}, Bytes{0xe8, 0, 0, 0, 0}, Bytes{0x58}, Bytes{0x0f, 0x05}, kReturn}) {
    EXPECT_EQ(scan_code(loads[0] + change + kOfGo).of_any_number, 1U) << int{change[0]};
  }
}

TEST(RewriteScan, RefusesWhatABranchLeadsIntoOfAnyNumber) {
  for (const uint8_t target : {4, 5, 6, 7}) {
    const Scan found = scan_code(Bytes{0xeb, target} + kOfGo + kReturn);
    EXPECT_TRUE(found.sites.empty()) << int{target};
    EXPECT_EQ(found.branched_into, 1U) << int{target};
  }
  for (const uint8_t target : {0, 3, 9}) EXPECT_EQ(scan_code(Bytes{0xeb, target} + kOfGo + kReturn).of_any_number, 1U);
  EXPECT_TRUE(scan_code(kOfGo + kReturn, {kAddress + 6}).sites.empty());
}

// A switch may lead between two instructions, but not into one.
TEST(RewriteScan, RefusesWhatASwitchMayLeadIntoOfAnyNumber) {
  EXPECT_TRUE(scan_code(kJumpToTable + kOfGo).sites.empty());
  EXPECT_TRUE(scan_code(kOfGo + kJumpToTable).sites.empty());
  EXPECT_TRUE(scan_code(kOfGo + Bytes{0x06}).sites.empty());
  EXPECT_EQ(scan_code(kJumpToTable + kOfTheCLibrary).of_any_number, 1U);
  const Bytes two = {0x48, 0x8b, 0x74, 0x24, 0x10, 0x48, 0x89, 0xdf, 0x0f, 0x05};  // mov 16(%rsp),%rsi; mov %rbx,%rdi; syscall
  EXPECT_EQ(scan_code(kJumpToTable + two).sites, (std::vector<Site>{{kOffset + kJumpToTable.size(), kAnyNumber, 3}}));
  // In another function, as a symbol or a call tells.
  EXPECT_EQ(scan_code(kJumpToTable + kOfGo, {kAddress + 7}).of_any_number, 1U);
  EXPECT_EQ(scan_code(kOfGo + kJumpToTable, {kAddress + 11}).of_any_number, 1U);
  EXPECT_EQ(scan_code(Bytes{0xe8, 7, 0, 0, 0} + kJumpToTable + kOfGo).of_any_number, 1U);
}

TEST(RewriteScan, FindsFewSitesOfAnyNumber) {
  Bytes code;
  for (size_t i = 0; i < kMostOfAnyNumber + 3; ++i) code = code + kOfGo;
  const Scan found = scan_code(code + site(SYS_getpid));
  EXPECT_EQ(found.of_any_number, kMostOfAnyNumber);
  EXPECT_EQ(found.sites.size(), kMostOfAnyNumber + 1);
  EXPECT_EQ(found.without_number, 3U);
  EXPECT_TRUE(scan_code(site(kAnyNumber)).sites.empty());
}

// The bytes of a site inside another instruction: movabs $0x...050f00000027b8,%rcx.
TEST(RewriteScan, DoesNotSeeASiteInAConstant) {
  const Scan found = scan_code(Bytes{0x48, 0xb9, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x00} + kReturn);
  EXPECT_TRUE(found.sites.empty());
  EXPECT_EQ(found.without_number + found.doubtful, 0U);
}

// jmp into the mov's number: `eb rel8` before it, or `74 rel8` behind it.
TEST(RewriteScan, RefusesWhatABranchLeadsInto) {
  for (uint8_t inside = 1; inside < kMovSize; ++inside) {
    const Scan forward = scan_code(Bytes{0xeb, inside} + site(SYS_getpid) + kReturn);
    EXPECT_TRUE(forward.sites.empty()) << int{inside};
    EXPECT_EQ(forward.branched_into, 1U) << int{inside};
    const auto back = static_cast<uint8_t>(-(9 - inside));
    const Scan backward = scan_code(site(SYS_getpid) + Bytes{0x74, back} + kReturn);
    EXPECT_TRUE(backward.sites.empty()) << int{inside};
    EXPECT_EQ(backward.branched_into, 1U) << int{inside};
  }
}

TEST(RewriteScan, AllowsBranchesToTheSiteAndToItsSyscall) {
  for (const uint8_t target : {0, 5, 7}) {
    const Scan found = scan_code(Bytes{0xeb, target} + site(SYS_getpid) + kReturn);
    EXPECT_EQ(found.sites.size(), 1U) << int{target};
  }
}

TEST(RewriteScan, SeesLongAndConditionalBranchesAndCalls) {
  const std::vector<Bytes> branches = {{0xe9, 2, 0, 0, 0}, {0x0f, 0x84, 2, 0, 0, 0}, {0xe8, 2, 0, 0, 0}, {0xe3, 2}, {0xe2, 2}};
  for (const Bytes& branch : branches) {
    EXPECT_EQ(scan_code(branch + site(SYS_getpid) + kReturn).branched_into, 1U) << int{branch[0]};
  }
}

TEST(RewriteScan, RefusesWhatASymbolLeadsInto) {
  const Scan found = scan_code(site(SYS_getpid) + kReturn, {kAddress + 2});
  EXPECT_TRUE(found.sites.empty());
}

// Behind bytes that are no instruction, nobody knows where instructions begin; at the next function, one does again.
TEST(RewriteScan, DoubtsWhatFollowsData) {
  const Bytes data = {0x06, 0x06, 0x06};  // no instruction in 64-bit mode
  const Scan doubtful = scan_code(data + site(SYS_getpid) + kReturn);
  EXPECT_TRUE(doubtful.sites.empty());
  EXPECT_EQ(doubtful.doubtful, 1U);
  const Scan certain = scan_code(data + site(SYS_getpid) + kReturn, {kAddress + 3});
  EXPECT_EQ(certain.sites.size(), 1U);
}

// An instruction that would reach into the next function is none.
TEST(RewriteScan, BelievesSymbolsMoreThanTheSweep) {
  const Scan found = scan_code(Bytes{0x48, 0xb9} + site(SYS_getpid) + kReturn, {kAddress + 2});
  EXPECT_EQ(found.sites, (std::vector<Site>{{kOffset + 2, SYS_getpid}}));
}

TEST(RewriteScan, LooksNoFurtherThanTheRange) {
  EXPECT_TRUE(scan_code({}).sites.empty());
  EXPECT_TRUE(scan_code({0xb8, 39, 0, 0}).sites.empty());
  EXPECT_TRUE(scan_code({0xb8, 39, 0, 0, 0, 0x0f}).sites.empty());
}

TEST(RewriteScan, RefusesFilesThatAreNoPrograms) {
  EXPECT_EQ(scan(Bytes{}).error().number(), ENOEXEC);
  EXPECT_EQ(scan(Bytes(4096, 0)).error().number(), ENOEXEC);
  Bytes cut = read_file("/proc/self/exe");
  cut.resize(2000);  // the section headers are at the end
  EXPECT_EQ(scan(cut).error().number(), ENOEXEC);
}

// What the C library answers ids with is there, and every site that was found reads as one.
TEST(RewriteScan, FindsTheSitesOfTheCLibrary) {
  const Bytes file = read_file("/lib/x86_64-linux-gnu/libc.so.6");
  ASSERT_FALSE(file.empty());
  const auto found = scan(file);
  ASSERT_TRUE(found.ok()) << found.error().message();
  std::set<uint32_t> numbers;
  uint64_t end = 0;
  for (const Site& s : found->sites) {
    ASSERT_GE(s.offset, end);
    end = s.offset + size_of(s);
    ASSERT_LE(end, file.size());
    const auto at = file.begin() + static_cast<ptrdiff_t>(s.offset);
    const auto mov = mov_of(s.number);
    if (s.number != kAnyNumber) {
      EXPECT_TRUE(std::equal(mov.begin(), mov.end(), at));
    }
    numbers.insert(s.number);
  }
  for (const uint32_t number : std::initializer_list<uint32_t>{SYS_getpid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
                                                               SYS_vfork, SYS_clone, SYS_mmap, kAnyNumber}) {
    EXPECT_TRUE(numbers.contains(number)) << number;
  }
  EXPECT_GE(found->sites.size(), 400U);
  EXPECT_EQ(found->doubtful, 0U);
}

TEST(RewriteScan, ListsSurviveARoundTrip) {
  const std::vector<Site> sites = {{10, 39}, {17, 58, 8}, {40, kAnyNumber, 1}, {UINT32_MAX, 0xffffffff}};
  const auto again = read_sites(write_sites(sites));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, sites);
  EXPECT_TRUE(read_sites(write_sites({}))->empty());
}

TEST(RewriteScan, RefusesBrokenLists) {
  const std::string good = write_sites(std::vector<Site>{{10, 39}, {17, 58}});
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(read_sites(good.substr(0, size)).ok()) << size;
  EXPECT_FALSE(read_sites(good + "x").ok());
  EXPECT_FALSE(read_sites(write_sites(std::vector<Site>{{10, 39}, {16, 58}})).ok());  // they overlap
  EXPECT_FALSE(read_sites(write_sites(std::vector<Site>{{10, 39}, {10, 39}})).ok());
  EXPECT_FALSE(read_sites("y" + good.substr(1)).ok());
}

}  // namespace
}  // namespace litebox::rewrite
