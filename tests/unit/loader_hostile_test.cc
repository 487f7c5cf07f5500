// ELF files that no linker makes: the loader reports them or the process dies of a signal; it never hangs, and what the kernel
// runs, it runs.
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "shim/guest/abi.h"
#include "tests/support/loader_harness.h"

namespace litebox::test {
namespace {

const std::string kPrograms = LITEBOX_TEST_PROGRAMS;

// The bytes of an ELF file, with its headers at hand.
class Elf {
 public:
  explicit Elf(const std::string& name) {
    std::ifstream file(kPrograms + "/" + name, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  Elf64_Ehdr& header() { return *reinterpret_cast<Elf64_Ehdr*>(bytes.data()); }
  Elf64_Phdr& segment(unsigned index) {
    return *reinterpret_cast<Elf64_Phdr*>(bytes.data() + header().e_phoff + index * sizeof(Elf64_Phdr));
  }
  Elf64_Phdr& load(unsigned wanted) {
    for (unsigned i = 0; i < header().e_phnum; ++i) {
      if (segment(i).p_type == PT_LOAD && wanted-- == 0) return segment(i);
    }
    throw std::out_of_range("PT_LOAD");
  }

  std::vector<char> bytes;
};

class LoaderHostile : public ::testing::Test {
 protected:
  ~LoaderHostile() override { ::unlink(path_.c_str()); }

  Program program(const Elf& elf) {
    ::unlink(path_.c_str());
    std::ofstream(path_, std::ios::binary).write(elf.bytes.data(), static_cast<std::streamsize>(elf.bytes.size()));
    ::chmod(path_.c_str(), 0755);
    return {.path = path_, .arguments = {path_}};
  }

  Outcome loaded(const Program& p) {
    auto outcome = run_through_loader(p);
    EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().message());
    return outcome.ok() ? *std::move(outcome) : Outcome{};
  }

  // The loader says `error` of the file that `change` has made of a good one.
  void expect_error(int error, const std::string& base, const std::function<void(Elf&)>& change) {
    Elf elf(base);
    change(elf);
    const Outcome outcome = loaded(program(elf));
    EXPECT_EQ(outcome.loader_error, error) << outcome.description();
    EXPECT_TRUE(WIFSIGNALED(outcome.status)) << outcome.description();
  }

  void expect_signal(int signal, const std::string& base, const std::function<void(Elf&)>& change) {
    Elf elf(base);
    change(elf);
    const Outcome outcome = loaded(program(elf));
    EXPECT_TRUE(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == signal) << outcome.description();
  }

  void expect_as_native(const std::string& base, const std::function<void(Elf&)>& change) {
    Elf elf(base);
    change(elf);
    const Program p = program(elf);
    auto expected = run_natively(p);
    ASSERT_TRUE(expected.ok());
    const Outcome actual = loaded(p);
    EXPECT_EQ(actual.status, expected->status) << actual.description();
    EXPECT_EQ(actual.output, expected->output);
  }

 private:
  std::string path_ = ::testing::TempDir() + "loader_hostile_" + std::to_string(::getpid());
};

TEST_F(LoaderHostile, TruncatedHeaders) {
  for (const size_t size : {0, 1, 10, 63, 64, 100}) {
    expect_error(ENOEXEC, "report_static", [&](Elf& elf) { elf.bytes.resize(size); });
  }
}

TEST_F(LoaderHostile, TruncatedSegments) {
  expect_signal(SIGBUS, "report_static", [](Elf& elf) { elf.bytes.resize(4096); });
}

TEST_F(LoaderHostile, NotAnElfFileOfThisMachine) {
  expect_error(ENOEXEC, "report_pie", [](Elf& elf) { elf.header().e_ident[EI_MAG2] = 'X'; });
  expect_error(ENOEXEC, "report_pie", [](Elf& elf) { elf.header().e_machine = EM_AARCH64; });
  expect_error(ENOEXEC, "report_pie", [](Elf& elf) { elf.header().e_type = ET_REL; });
}

TEST_F(LoaderHostile, ProgramHeaderTable) {
  expect_error(ENOEXEC, "report_static", [](Elf& elf) { elf.header().e_phnum = 0; });
  expect_error(ENOEXEC, "report_static", [](Elf& elf) { elf.header().e_phnum = 0xffff; });
  expect_error(ENOEXEC, "report_static", [](Elf& elf) { elf.header().e_phentsize = 8; });
  for (const uint64_t offset : {UINT64_MAX, UINT64_MAX - 100, uint64_t{1} << 63U, uint64_t{1} << 40U}) {
    expect_error(ENOEXEC, "report_static", [&](Elf& elf) { elf.header().e_phoff = offset; });
  }
  expect_error(EINVAL, "report_static", [](Elf& elf) {
    for (unsigned i = 0; i < elf.header().e_phnum; ++i) elf.segment(i).p_type = PT_NULL;
  });
}

TEST_F(LoaderHostile, SegmentSizes) {
  expect_error(EINVAL, "report_static", [](Elf& elf) { elf.load(0).p_memsz = UINT64_MAX; });
  expect_error(EINVAL, "report_static", [](Elf& elf) { elf.load(3).p_memsz = UINT64_MAX - 0x400000; });
  expect_error(EINVAL, "report_static", [](Elf& elf) { elf.load(0).p_memsz = elf.load(0).p_filesz - 1; });
  expect_error(EINVAL, "report_static", [](Elf& elf) { elf.load(1).p_vaddr = 0xffffffff80000000; });
  expect_error(EINVAL, "report_static", [](Elf& elf) { elf.load(1).p_offset += 8; });
  expect_error(EINVAL, "report_static", [](Elf& elf) { elf.load(1).p_offset = UINT64_MAX - 4095; });
  expect_error(ENOMEM, "report_pie", [](Elf& elf) { elf.load(3).p_memsz = 0x7fff00000000; });
  expect_error(EINVAL, "report_pie", [](Elf& elf) {
    for (unsigned i = 0; i < 4; ++i) elf.load(i).p_filesz = elf.load(i).p_memsz = 0;
    for (unsigned i = 0; i < 4; ++i) elf.load(i).p_vaddr = elf.load(i).p_offset = 0;
  });
}

// What is mapped already (the loader itself, the stack) is never replaced.
TEST_F(LoaderHostile, AddressesInUse) {
  const auto at = [](uint64_t address, uint64_t size) {
    return [address, size](Elf& elf) {
      elf.load(0).p_vaddr = address;
      elf.load(0).p_offset = 0;
      elf.load(0).p_filesz = elf.load(0).p_memsz = size;
    };
  };
  expect_error(EEXIST, "registers", at(abi::kBlobBase, 100));
  expect_error(EEXIST, "registers", at(abi::kBlobBase - 0x1000, 0x1001));
  expect_error(EEXIST, "report_static", [](Elf& elf) {  // the first and the second segment embrace the loader
    elf.load(3).p_vaddr = abi::kBlobBase + 0x10000000;
    elf.load(3).p_vaddr += elf.load(3).p_offset % 4096;
  });
}

TEST_F(LoaderHostile, EntryPoints) {
  expect_error(EINVAL, "registers", [](Elf& elf) { elf.header().e_entry = 0xffffffff80000000; });
  expect_signal(SIGSEGV, "registers", [](Elf& elf) { elf.header().e_entry = 0x10000; });
}

TEST_F(LoaderHostile, InterpretersThatAreNone) {
  Program p = {.path = "/bin/true", .arguments = {"true"}, .interpreter = "/no/such/file"};
  EXPECT_EQ(loaded(p).loader_error, ENOENT);  // the monitor's refusal
  for (const char* interpreter : {"/etc/passwd", "/dev/null", "/etc"}) {
    p.interpreter = interpreter;
    const Outcome outcome = loaded(p);
    EXPECT_EQ(outcome.loader_error, interpreter == std::string("/etc") ? EISDIR : ENOEXEC) << outcome.description();
  }
}

// A non-PIE interpreter at the program's own address.
TEST_F(LoaderHostile, InterpreterOverProgram) {
  const std::string path = kPrograms + "/report_fixed";
  const Outcome outcome = loaded({.path = path, .arguments = {path}, .interpreter = kPrograms + "/registers"});
  EXPECT_EQ(outcome.loader_error, EEXIST) << outcome.description();
}

TEST_F(LoaderHostile, UnusualButValid) {
  expect_as_native("registers", [](Elf&) {});
  expect_as_native("report_static", [](Elf& elf) { std::swap(elf.load(0), elf.load(3)); });
  expect_as_native("report_static", [](Elf& elf) { std::swap(elf.load(1), elf.load(2)); });
  expect_as_native("registers", [](Elf& elf) { elf.load(0).p_align = 12345; });
  expect_as_native("registers", [](Elf& elf) {  // a table of a thousand headers, at the file's end, the real ones last
    constexpr uint16_t kCount = 1000;
    const unsigned real = elf.header().e_phnum;
    std::vector<Elf64_Phdr> table(kCount, Elf64_Phdr{});
    for (unsigned i = 0; i < real; ++i) table[kCount - real + i] = elf.segment(i);
    elf.header().e_phoff = elf.bytes.size();
    elf.header().e_phnum = kCount;
    const auto* const first = reinterpret_cast<const char*>(table.data());
    elf.bytes.insert(elf.bytes.end(), first, first + table.size() * sizeof(Elf64_Phdr));
  });
  expect_as_native("registers", [](Elf& elf) {  // the same segment twice
    const unsigned count = elf.header().e_phnum;
    std::vector<Elf64_Phdr> table;
    for (unsigned i = 0; i < count; ++i) table.insert(table.end(), 2, elf.segment(i));
    elf.header().e_phoff = elf.bytes.size();
    elf.header().e_phnum = static_cast<uint16_t>(2 * count);
    const auto* const first = reinterpret_cast<const char*>(table.data());
    elf.bytes.insert(elf.bytes.end(), first, first + table.size() * sizeof(Elf64_Phdr));
  });
}

// Random damage to the headers: whatever comes of it, it comes to an end, and not by the loader's own fault where the kernel
// runs the file.
TEST_F(LoaderHostile, RandomDamage) {
  std::mt19937_64 random(20240607);
  const Elf good("registers");
  for (int round = 0; round < 200; ++round) {
    Elf elf = good;
    const size_t headers = sizeof(Elf64_Ehdr) + elf.header().e_phnum * sizeof(Elf64_Phdr);
    for (uint64_t change = 1 + random() % 3; change > 0; --change) {
      const size_t at = random() % headers;
      elf.bytes[at] = static_cast<char>(random() % 2 != 0 ? random() : elf.bytes[at] ^ (1 << (random() % 8)));
    }
    const Program p = program(elf);
    auto expected = run_natively(p);
    ASSERT_TRUE(expected.ok());
    const Outcome actual = loaded(p);
    if (expected->status == 0) {
      EXPECT_EQ(actual.status, 0) << "round " << round << ": " << actual.description();
    } else {
      EXPECT_NE(actual.status, 0) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace litebox::test
