// The compiled filter against the table, for every number, every condition and the neighbourhood of every rule's values.
#include "shim/filter/filter.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "shim/table/table.h"
#include "tests/unit/bpf_interpreter.h"

namespace litebox::filter {
namespace {

using table::Decision;
using table::Entry;
using table::Route;
using test::call_of;
using test::run_filter;
using Arguments = std::array<uint64_t, 6>;

constexpr uint64_t kHigh = uint64_t{1} << 32;

uint32_t action_of(Decision decision) {
  if (decision.route == Route::native) return SECCOMP_RET_ALLOW;
  if (decision.route == Route::monitor) return SECCOMP_RET_USER_NOTIF;
  return SECCOMP_RET_ERRNO | static_cast<uint32_t>(decision.error);
}

std::vector<table::Conditions> every_condition() {
  std::vector<table::Conditions> all;
  for (unsigned bits = 0; bits < (1U << table::kConditionCount); ++bits) {
    all.push_back(table::conditions_of(static_cast<table::ConditionBits>(bits)));
  }
  return all;
}

// For each argument that some rule looks at: the rules' values, and what is next to them in each half and each mask bit.
std::array<std::set<uint64_t>, 6> interesting(const Entry& entry) {
  std::array<std::set<uint64_t>, 6> values;
  for (auto& set : values) set = {0, 1};
  for (const table::Rule& rule : entry.rules) {
    for (const table::Match& match : rule.matches) {
      auto& set = values[match.argument];
      set.insert({~uint64_t{0}, kHigh, 0xffffffffU});
      for (const table::Constant& constant : match.values) {
        set.insert(
            {constant.value, constant.value + 1, constant.value - 1, constant.value | kHigh, constant.value | (kHigh << 31)});
      }
      if (!match.mask.text.empty()) {
        for (unsigned bit = 0; bit < 64; ++bit) set.insert(uint64_t{1} << bit);
        set.insert({match.mask.value, ~match.mask.value});
      }
    }
  }
  return values;
}

// Every combination of the first three arguments' values, and of the last three's: no rule mixes them.
void for_each_call(const Entry& entry, const std::function<void(const Arguments&)>& visit) {
  const auto values = interesting(entry);
  for (const size_t base : {0U, 3U}) {
    for (const uint64_t a : values[base]) {
      for (const uint64_t b : values[base + 1]) {
        for (const uint64_t c : values[base + 2]) {
          Arguments arguments{};
          arguments[base] = a;
          arguments[base + 1] = b;
          arguments[base + 2] = c;
          visit(arguments);
        }
      }
    }
  }
}

TEST(Filter, IsWithinTheKernelsLimit) {
  for (const table::Conditions& conditions : every_condition()) {
    EXPECT_LT(compile(conditions).size(), size_t{BPF_MAXINSNS});
  }
}

TEST(Filter, AgreesWithTheTableOnEveryNumber) {
  for (const table::Conditions& conditions : every_condition()) {
    const std::vector<sock_filter> program = compile(conditions);
    for (int64_t number = 0; number < 1024; ++number) {
      const Entry* entry = table::find(number);
      const Decision expected = entry != nullptr ? entry->decide(conditions, {}) : Decision{Route::refused, ENOSYS};
      ASSERT_EQ(run_filter(program, call_of(number)), action_of(expected)) << number;
    }
  }
}

TEST(Filter, AgreesWithTheTableOnArguments) {
  size_t calls = 0;
  for (const table::Conditions& conditions : every_condition()) {
    const std::vector<sock_filter> program = compile(conditions);
    for (const Entry& entry : table::entries()) {
      if (entry.rules.empty()) continue;
      size_t wrong = 0;
      for_each_call(entry, [&](const Arguments& arguments) {
        ++calls;
        if (run_filter(program, call_of(entry.number, arguments)) != action_of(entry.decide(conditions, arguments))) ++wrong;
      });
      EXPECT_EQ(wrong, 0U) << entry.name;
    }
  }
  EXPECT_GT(calls, 100000U);
}

// Only what the kernel's cache can answer costs nothing; and only what depends on nothing else is decided by number alone.
TEST(Filter, NativeNumbersAreInTheKernelsCache) {
  for (const table::Conditions& conditions : every_condition()) {
    const std::vector<sock_filter> program = compile(conditions);
    for (const Entry& entry : table::entries()) {
      const bool cached = run_filter(program, call_of(entry.number), true) == SECCOMP_RET_ALLOW;
      EXPECT_EQ(cached, entry.route(conditions).route == Route::native) << entry.name;
    }
  }
}

TEST(Filter, NeverLooksAtTheInstructionPointer) {
  for (const table::Conditions& conditions : every_condition()) {
    for (const sock_filter& instruction : compile(conditions)) {
      if (BPF_CLASS(instruction.code) != BPF_LD) continue;
      EXPECT_TRUE(instruction.k < offsetof(seccomp_data, instruction_pointer) || instruction.k >= offsetof(seccomp_data, args));
    }
  }
}

TEST(Filter, HypercallsGoToTheMonitor) {
  const std::vector<sock_filter> program = compile({});
  for (const table::Hypercall& hypercall : table::hypercalls()) {
    EXPECT_EQ(run_filter(program, call_of(hypercall.number)), uint32_t{SECCOMP_RET_USER_NOTIF});
    EXPECT_EQ(run_filter(program, call_of(hypercall.number + 8)), uint32_t{SECCOMP_RET_ERRNO | ENOSYS});
  }
}

TEST(Filter, OtherArchitecturesAndUnknownNumbersAreAbsent) {
  constexpr uint32_t kAbsent = SECCOMP_RET_ERRNO | ENOSYS;
  const std::vector<sock_filter> program = compile({});
  for (int64_t number = 0; number < 1024; ++number) {
    ASSERT_EQ(run_filter(program, call_of(number, {}, AUDIT_ARCH_I386)), kAbsent) << number;
    ASSERT_EQ(run_filter(program, call_of(number | 0x40000000)), kAbsent) << number;
    ASSERT_EQ(run_filter(program, call_of(number | 0x80000000LL)), kAbsent) << number;
  }
  EXPECT_EQ(run_filter(program, call_of(-1)), kAbsent);
}

// The kernel's own verifier and interpreter, in a child: as in a guest, but without a listener, so that a call of the monitor's
// is ENOSYS.
TEST(Filter, TheKernelTakesIt) {
  std::vector<sock_filter> program = compile({});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    sock_fprog description{static_cast<unsigned short>(program.size()), program.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &description, 0, 0) != 0) _exit(2);
    if (syscall(SYS_getpid) != -1 || errno != ENOSYS) _exit(3);
    if (syscall(SYS_sched_yield) != 0) _exit(4);
    if (syscall(SYS_setns, -1, 0) != -1 || errno != EPERM) _exit(5);
    if (syscall(SYS_unshare, 0) != 0) _exit(6);
    if (syscall(SYS_ioctl, 0, 0x1234, 0) != -1 || errno != ENOTTY) _exit(7);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace litebox::filter
