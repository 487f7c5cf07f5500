// The blob as a loader: every kind of ELF file, against the kernel's own execve as the oracle.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/support/loader_harness.h"

namespace litebox::test {
namespace {

const std::string kPrograms = LITEBOX_TEST_PROGRAMS;

Outcome loaded(const Program& program) {
  auto outcome = run_through_loader(program);
  EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().message());
  return outcome.ok() ? *std::move(outcome) : Outcome{.status = -1};
}

Outcome native(const Program& program) {
  auto outcome = run_natively(program);
  EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().message());
  return outcome.ok() ? *std::move(outcome) : Outcome{.status = -1};
}

// The loader's run must end as the kernel's own does, with the same output.
void expect_as_native(const Program& program) {
  const Outcome expected = native(program);
  const Outcome actual = loaded(program);
  EXPECT_EQ(actual.status, expected.status) << actual.description();
  EXPECT_EQ(actual.output, expected.output);
}

Program shell(const std::string& path, const std::string& command) {
  return {.path = path, .arguments = {path, "-c", command}};
}

class Report : public ::testing::TestWithParam<const char*> {
 protected:
  static Program program() {
    const std::string path = kPrograms + "/" + GetParam();
    return {.path = path, .arguments = {path, "one", "", "three words here"}};
  }
};

TEST_P(Report, IsAsNative) { expect_as_native(program()); }

TEST_P(Report, IsAsNativeWithoutRandomisation) {
  Program p = program();
  p.random_seed = 0;
  expect_as_native(p);
}

TEST_P(Report, HasNoFlaw) {
  const Outcome outcome = loaded(program());
  EXPECT_EQ(outcome.status, 0);
  for (const char* line :
       {"bss=1 data=1", "stack aligned=1", "phnum=1", "heap=1", "malloc on heap=1", "code bounds=1", "data bounds=1",
        "stack start=1", "brk start=1", "argument bounds=1", "environment bounds=1", "saved auxv=1", "lowest free fd=3"}) {
    EXPECT_NE(outcome.output.find(std::string(line) + "\n"), std::string::npos) << line << " in\n" << outcome.output;
  }
}

TEST_P(Report, IsAsNativeWithoutArguments) {
  Program p = program();
  p.arguments.clear();
  expect_as_native(p);
}

TEST_P(Report, IsAsNativeWithoutEnvironment) {
  Program p = program();
  p.environment.clear();
  expect_as_native(p);
}

TEST_P(Report, IsAsNativeWithUnlimitedStack) {
  Program p = program();
  p.stack_limit = RLIM_INFINITY;
  expect_as_native(p);
}

TEST_P(Report, IsAsNativeWithSmallStack) {
  Program p = program();
  p.stack_limit = 64U << 10U;
  expect_as_native(p);
}

TEST_P(Report, TakesManyArguments) {
  Program p = program();
  for (int i = 0; i < 100000; ++i) p.arguments.push_back("argument " + std::to_string(i));
  for (int i = 0; i < 30; ++i) p.environment.push_back("V" + std::to_string(i) + "=" + std::string(10000, 'x'));
  expect_as_native(p);
}

// A script: the interpreter's strings take argv[0]'s place, in the vector and in /proc/self/cmdline.
TEST_P(Report, TakesAPrefix) {
  Program p = program();
  p.prefix = {"/bin/interpreter", "-x argument", "./" + std::string(300, 's')};
  Outcome expected = native(p);
  Outcome actual = loaded(p);
  EXPECT_EQ(actual.output, expected.output);
  p.prefix = {"i", "s"};  // shorter than argv[0]
  expect_as_native(p);
  for (int i = 0; i < 50000; ++i) p.arguments.push_back(std::to_string(i));
  p.prefix = {std::string(4000, 'a'), std::string(255, 'b'), std::string(4000, 'c')};
  expect_as_native(p);
}

TEST_P(Report, TakesAPrefixInPlaceOfNoArguments) {
  Program p = program();
  p.arguments.clear();
  p.prefix = {"/bin/interpreter", "./script"};
  expect_as_native(p);
}

TEST_P(Report, HasItsOwnNames) {
  Program p = program();
  p.file_name = "/usr/bin/some-long-program-name";
  const Outcome outcome = loaded(p);
  EXPECT_NE(outcome.output.find("execfn=/usr/bin/some-long-program-name "), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("comm=some-long-progr\n"), std::string::npos) << outcome.output;
}

INSTANTIATE_TEST_SUITE_P(Linked, Report, ::testing::Values("report_static", "report_static_pie", "report_pie", "report_fixed"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Loader, LeavesRegistersAsTheKernelDoes) {
  const std::string path = kPrograms + "/registers";
  EXPECT_EQ(native({.path = path, .arguments = {path}}).status, 0);
  const Outcome outcome = loaded({.path = path, .arguments = {path}});
  EXPECT_EQ(outcome.status, 0) << outcome.description();
}

TEST(Loader, MakesTheStackExecutableWhenAsked) {
  const std::string path = kPrograms + "/execstack";
  const Outcome outcome = loaded({.path = path, .arguments = {path}});
  EXPECT_EQ(outcome.status, 7 << 8) << outcome.description();
}

TEST(Loader, HonoursLargeAlignment) {
  for (const char* name : {"/aligned_pie", "/aligned_static_pie"}) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const Outcome outcome = loaded({.path = kPrograms + name, .arguments = {name}, .random_seed = seed * 0x987654321});
      EXPECT_EQ(outcome.status, 0) << name << ": " << outcome.description();
    }
  }
}

TEST(Loader, RunsAddressSanitizer) {
  const std::string path = kPrograms + "/address";
  Outcome outcome = loaded({.path = path, .arguments = {path}, .environment = {"ASAN_OPTIONS=detect_leaks=0"}});
  EXPECT_EQ(outcome.status, 0) << outcome.description();
  outcome = loaded({.path = path, .arguments = {path, "far too long"}, .environment = {"ASAN_OPTIONS=detect_leaks=0"}});
  EXPECT_NE(outcome.status, 0);
  EXPECT_NE(outcome.output.find("heap-buffer-overflow"), std::string::npos) << outcome.output;
}

TEST(Loader, RunsWhatDebianHas) {
  expect_as_native({.path = "/bin/true", .arguments = {"true"}});
  expect_as_native({.path = "/bin/false", .arguments = {"false"}});
  expect_as_native(shell("/bin/sh", "echo \"$0\"; exit 3"));
  expect_as_native(shell("/bin/bash", "for i in 1 2 3; do echo $i; done | sort -r; cat <<< here; (exit 4) & wait $!"));
  expect_as_native(shell("/usr/bin/perl", "print 6"));
}

TEST(Loader, RunsPython) {
  const std::string python = "/usr/bin/python3";
  if (access(python.c_str(), X_OK) != 0) GTEST_SKIP() << python << " is not installed";
  expect_as_native(shell(python,
                         "import sys, ssl, json, subprocess, threading\n"
                         "print(sys.argv, json.dumps({'a': 1}), ssl.OPENSSL_VERSION)\n"
                         "print(subprocess.run(['sh', '-c', 'echo child'], capture_output=True).stdout)\n"
                         "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"));
}

TEST(Loader, RunsBusybox) {
  const std::string busybox = "/bin/busybox";
  if (access(busybox.c_str(), X_OK) != 0) GTEST_SKIP() << busybox << " is not installed";
  expect_as_native({.path = busybox, .arguments = {"sh", "-c", "echo $0; busybox expr 6 '*' 7"}});
}

TEST(Loader, RunsGo) {
  const std::string program = kPrograms + "/goroutines-go";
  if (access(program.c_str(), X_OK) != 0) GTEST_SKIP() << "there was no Go when this was built";
  expect_as_native({.path = program, .arguments = {"goroutines"}});
}

TEST(Loader, RunsNode) {
  const std::string node = "/usr/bin/node";
  if (access(node.c_str(), X_OK) != 0) GTEST_SKIP() << node << " is not installed";
  expect_as_native({.path = node, .arguments = {"node", "-e", "setTimeout(() => console.log([1, 2, 3].map(x => x * 2)), 5)"}});
}

}  // namespace
}  // namespace litebox::test
