// Rewritten text: what is in the memfd, and when it is made, found and refused.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/rewrite/cache.h"
#include "shim/rewrite/gap.h"
#include "shim/rewrite/scanner_process.h"
#include "shim/rewrite/trampoline.h"
#include "tests/unit/temporary_directory.h"

namespace litebox::rewrite {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr const char* kLibrary = "/lib/x86_64-linux-gnu/libc.so.6";

Fd open_file(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

Bytes read_at(int fd, uint64_t offset, size_t size) {
  Bytes bytes(size);
  const ssize_t got = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return bytes;
}

// A copy that has not changed for so long that its times tell it.
std::string settled_copy(const std::string& from, const std::string& directory, const std::string& name) {
  const std::string to = directory + "/" + name;
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  ::usleep(120'000);
  return to;
}

class RewriteCache : public ::testing::Test {
 protected:
  std::unique_ptr<Cache> cache() const { return std::make_unique<Cache>(open_scanner, std::nullopt); }
  std::unique_ptr<Cache> cache_with_store() const {
    auto store = Store::open(directory_.path() + "/store");
    EXPECT_TRUE(store.ok());
    return std::make_unique<Cache>(open_scanner, *std::move(store));
  }

  test::TemporaryDirectory directory_;
};

TEST_F(RewriteCache, RewritesTheCLibrary) {
  const auto all = cache();
  const Fd file = open_file(kLibrary);
  const auto text = all->find(file.get(), {Role::object, {}});
  ASSERT_NE(text, nullptr);
  const abi::RewrittenText& map = text->map;
  ASSERT_GT(map.run_count, 0U);
  ASSERT_LE(map.run_count, abi::kMostRuns);
  EXPECT_EQ(map.trampolines_offset, map.text_offset + map.text_size);
  EXPECT_EQ(map.trampolines_size % kPage, 0U);

  // Wherever a page differs from the file's, a mov of a number, or what can be moved, has become a jump into the trampolines,
  // and its syscall stays.
  size_t jumps = 0;
  size_t of_any_number = 0;
  for (uint32_t i = 0; i < map.run_count; ++i) {
    const Bytes original = read_at(file.get(), map.runs[i].file_offset, map.runs[i].size);
    const Bytes patched = read_at(text->memfd.get(), map.runs[i].file_offset, map.runs[i].size);
    ASSERT_EQ(patched.size(), map.runs[i].size);
    for (size_t at = 0; at < original.size(); ++at) {
      if (original[at] == patched[at]) continue;
      ASSERT_EQ(patched[at], 0xe9);
      size_t gap = 0;
      while (gap <= kLongestGap && (original[at + 5 + gap] != 0x0f || original[at + 6 + gap] != 0x05)) ++gap;
      ASSERT_LE(gap, kLongestGap);
      if (original[at] != kMovEax) {
        ASSERT_TRUE(can_be_moved({original.data() + at, kMovSize + gap}, Number::any));
        ++of_any_number;
      }
      ASSERT_TRUE(std::equal(original.begin() + at + 5, original.begin() + at + 7 + gap, patched.begin() + at + 5));
      int32_t distance = 0;
      std::memcpy(&distance, &patched[at + 1], sizeof distance);
      // Both relative to where the text's first page is mapped.
      const auto from_text = static_cast<int64_t>(map.runs[i].file_offset + at + 5 - map.text_offset) + distance;
      const int64_t in_trampolines = from_text + static_cast<int64_t>(map.trampolines_distance);
      ASSERT_GE(in_trampolines, 0);
      ASSERT_LT(in_trampolines, static_cast<int64_t>(map.trampolines_size));
      ++jumps;
      at += 4;
    }
  }
  EXPECT_GE(jumps, 10U);
  EXPECT_GE(of_any_number, 1U);  // syscall()
  EXPECT_LE(of_any_number, kMostOfAnyNumber);
}

TEST_F(RewriteCache, SealsTheMemfd) {
  const auto all = cache();
  const auto text = all->find(open_file(kLibrary).get(), {Role::object, {}});
  ASSERT_NE(text, nullptr);
  const int seals = ::fcntl(text->memfd.get(), F_GET_SEALS);
  EXPECT_EQ(seals, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_EQ(::fcntl(text->memfd.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  const Fd writable(::open(("/proc/self/fd/" + std::to_string(text->memfd.get())).c_str(), O_RDWR | O_CLOEXEC));
  if (writable) {
    EXPECT_LT(::pwrite(writable.get(), "x", 1, 0), 0);
  }
}

TEST_F(RewriteCache, RewritesMmapOfTheInterpreterOnly) {
  const auto all = cache();
  const Fd file = open_file("/lib64/ld-linux-x86-64.so.2");
  const auto object = all->find(file.get(), {Role::object, {}});
  const auto interpreter = all->find(file.get(), {Role::interpreter, {}});
  ASSERT_NE(interpreter, nullptr);
  EXPECT_TRUE(has_trampoline(SYS_mmap, {Role::interpreter, {}}));
  EXPECT_FALSE(has_trampoline(SYS_mmap, {Role::object, {}}));
  EXPECT_NE(object, interpreter);
}

TEST_F(RewriteCache, FindsAFileAgainByItsIdentity) {
  const auto all = cache();
  const std::string path = settled_copy(kLibrary, directory_.path(), "libc");
  const auto first = all->find(open_file(path).get(), {Role::object, {}});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(all->scans(), 1U);
  EXPECT_EQ(all->find(open_file(path).get(), {Role::object, {}}), first);
  EXPECT_EQ(all->scans(), 1U);
}

TEST_F(RewriteCache, TrustsNoFileThatHasJustChanged) {
  const auto all = cache();
  const std::string path = directory_.path() + "/libc";
  std::filesystem::copy_file(kLibrary, path);
  const timespec soon[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = ::time(nullptr) + 3600, .tv_nsec = 1}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), soon, 0), 0);
  const auto first = all->find(open_file(path).get(), {Role::object, {}});
  ASSERT_NE(first, nullptr);
  EXPECT_NE(all->find(open_file(path).get(), {Role::object, {}}), first);
}

TEST_F(RewriteCache, LooksAnewAtAFileThatHasChanged) {
  const auto all = cache();
  const std::string path = settled_copy(kLibrary, directory_.path(), "file");
  ASSERT_NE(all->find(open_file(path).get(), {Role::object, {}}), nullptr);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0);
    file.put('x');  // no ELF file any more
  }
  EXPECT_EQ(all->find(open_file(path).get(), {Role::object, {}}), nullptr);
}

TEST_F(RewriteCache, KeepsSitesOnDiskByContent) {
  const std::string one = settled_copy(kLibrary, directory_.path(), "one");
  {
    const auto first = cache_with_store();
    ASSERT_NE(first->find(open_file(one).get(), {Role::object, {}}), nullptr);
    EXPECT_EQ(first->scans(), 1U);
  }
  const std::string other = settled_copy(kLibrary, directory_.path(), "other");  // another file, the same content
  const auto second = cache_with_store();
  EXPECT_NE(second->find(open_file(other).get(), {Role::object, {}}), nullptr);
  EXPECT_EQ(second->scans(), 0U);
}

// A list of sites that is not of this content: what it names are no sites, and nothing is rewritten.
TEST_F(RewriteCache, BelievesNoListOfSites) {
  const Fd file = open_file(kLibrary);
  const auto text = find_text_segment(file.get());
  ASSERT_TRUE(text.ok());
  const std::vector<Site> nonsense = {{text->file_offset + 3, SYS_getpid}};
  EXPECT_EQ(patch(file.get(), *text, nonsense, {}, "test").error().number(), EINVAL);
  const std::vector<Site> nonsense_of_any = {{text->file_offset + 3, kAnyNumber}};
  EXPECT_EQ(patch(file.get(), *text, nonsense_of_any, {}, "test").error().number(), EINVAL);
  const std::vector<Site> outside = {{text->file_offset + text->size, SYS_getpid}};
  EXPECT_EQ(patch(file.get(), *text, outside, {}, "test").error().number(), EINVAL);
  const std::vector<Site> below = {{text->file_offset - 7, SYS_getpid}};
  EXPECT_EQ(patch(file.get(), *text, below, {}, "test").error().number(), EINVAL);
  EXPECT_EQ(patch(file.get(), *text, {}, {}, "test").error().number(), ENOSPC);
}

TEST_F(RewriteCache, RewritesFewSitesOfAnyNumber) {
  constexpr size_t kTextOffset = 0x1000;
  Bytes bytes = read_at(open_file(kLibrary).get(), 0, 0x2000);
  std::fill(bytes.begin() + kTextOffset, bytes.end(), 0x90);
  const Bytes of_go = {0x48, 0x89, 0xce, 0x48, 0x89, 0xdf, 0x0f, 0x05};
  std::vector<Site> sites;
  for (size_t at = kTextOffset; sites.size() <= kMostOfAnyNumber; at += of_go.size()) {
    std::copy(of_go.begin(), of_go.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
    sites.push_back({at, kAnyNumber, 1});
  }
  const std::string path = directory_.path() + "/many";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<ptrdiff_t>(bytes.size()));
  const Fd file = open_file(path);
  const TextSegment text{kTextOffset, 0x1000, 0x401000, 0x400000, 0x402000, true};
  EXPECT_EQ(patch(file.get(), text, sites, {}, "test").error().number(), EINVAL);
  sites.pop_back();
  const auto patched = patch(file.get(), text, sites, {}, "test");
  ASSERT_TRUE(patched.ok());
  EXPECT_LT(patched->map.trampolines_size, kMostOfAnyNumber * 6000);
}

TEST_F(RewriteCache, RefusesAStoreThatOthersMayWrite) {
  const std::string path = directory_.path() + "/open";
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  EXPECT_EQ(Store::open(path).error().number(), EPERM);
}

TEST_F(RewriteCache, LeavesFilesWithoutSitesAndNoPrograms) {
  const auto all = cache();
  EXPECT_EQ(all->find(open_file("/lib/x86_64-linux-gnu/libm.so.6").get(), {Role::object, {}}), nullptr);
  EXPECT_EQ(all->find(open_file("/etc/passwd").get(), {Role::object, {}}), nullptr);
  EXPECT_EQ(all->find(open_file("/dev/null").get(), {Role::object, {}}), nullptr);
  EXPECT_EQ(all->find(open_file("/").get(), {Role::object, {}}), nullptr);
  EXPECT_EQ(all->find(-1, {Role::object, {}}), nullptr);
  EXPECT_EQ(all->scans(), 0U);
}

TEST_F(RewriteCache, DoesWithoutAScanner) {
  // One that is not there, one that fails, one that says nothing, one that says nonsense.
  for (const char* program : {"/nonexistent", "/bin/false", "/bin/true", "/bin/cat"}) {
    Cache all([program]() -> Result<Fd> { return open_file(program); }, std::nullopt);
    EXPECT_EQ(all.find(open_file(kLibrary).get(), {Role::object, {}}), nullptr) << program;
  }
}

// Hostile headers: whatever they say, an answer or an error.
TEST_F(RewriteCache, SurvivesHostileHeaders) {
  const std::string path = directory_.path() + "/hostile";
  std::filesystem::copy_file("/lib64/ld-linux-x86-64.so.2", path);
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const auto all = cache();
  constexpr int kHeaders = 64 + 8 * 56;
  for (int byte = 0; byte < kHeaders; ++byte) {
    const Bytes original = read_at(fd.get(), static_cast<uint64_t>(byte), 1);
    for (const uint8_t value : {0x00, 0x7f, 0xff}) {
      ASSERT_EQ(::pwrite(fd.get(), &value, 1, byte), 1);
      const auto text = find_text_segment(fd.get());
      if (text.ok()) {
        EXPECT_LE(text->size, kLargestText);
      }
      if (byte % 32 == 0) (void)all->find(fd.get(), {Role::interpreter, {}});
    }
    ASSERT_EQ(::pwrite(fd.get(), original.data(), 1, byte), 1);
  }
}

TEST(RewriteTrampoline, IsAsLargeWhereverItLies) {
  for (const uint32_t number : std::initializer_list<uint32_t>{
           SYS_openat, SYS_open, SYS_newfstatat, SYS_statx, SYS_access, SYS_readlink, SYS_mmap, SYS_getdents64, SYS_stat,
           SYS_lstat, SYS_getuid, SYS_clone3, SYS_getpid, SYS_getppid, SYS_execve, kAnyNumber}) {
    std::vector<uint8_t> low;
    std::vector<uint8_t> high;
    const Bytes between = {0x31, 0xff, 0x48, 0x89, 0xdf};
    const uint64_t start = append_trampoline(low, 0, {0, number, between, {0, 0}}, {});
    EXPECT_EQ(append_trampoline(high, 0x7f0000001000, {0x7f0000105003, number, between, {0x7f0000100000, 0x7f0000200000}}, {}),
              0x7f0000001000U + start);
    EXPECT_EQ(low.size(), high.size());
    EXPECT_EQ(low.size() % 16, 0U);
  }
}

}  // namespace
}  // namespace litebox::rewrite
