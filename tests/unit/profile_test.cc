// Profiles of config.json in front of the container's filter.
#include "shim/filter/profile.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <map>

#include "shim/filter/filter.h"
#include "shim/guest/abi.h"
#include "tests/unit/bpf_interpreter.h"

namespace litebox::filter {
namespace {

using oci::Seccomp;
using oci::SeccompAction;
using oci::SeccompOperator;
using oci::SeccompRule;
using test::call_of;
using test::run_filter;
using Arguments = std::array<uint64_t, 6>;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t refused(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

// The shape of the engines' default profile: everything is refused but a list, some by argument, clone3 absent.
Seccomp like_an_engine() {
  Seccomp profile;
  profile.default_action = SeccompAction::error;
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  SeccompRule allowed;
  allowed.names = {"read",       "write",      "openat", "close",   "mmap",
                   "munmap",     "mprotect",   "brk",    "execve",  "futex",
                   "prctl",      "ioctl",      "kill",   "getpid",  "_llseek",
                   "socketcall", "exit_group", "wait4",  "pread64", "landlock_restrict_self"};
  SeccompRule clone;
  clone.names = {"clone"};
  clone.args = {{0, 0x7e020000, 0, SeccompOperator::masked_equal}};
  SeccompRule clone3;
  clone3.names = {"clone3"};
  clone3.action = SeccompAction::error;
  clone3.errno_ret = ENOSYS;
  profile.syscalls = {allowed, clone, clone3};
  for (const uint64_t persona : {0x0ULL, 0x8ULL, 0xffffffffULL}) {
    SeccompRule rule;
    rule.names = {"personality"};
    rule.args = {{0, persona, 0, SeccompOperator::equal}};
    profile.syscalls.push_back(rule);
  }
  return profile;
}

std::vector<sock_filter> compiled(const Seccomp& profile) {
  Result<std::vector<sock_filter>> program = compile_profile(profile);
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message());
  return program.ok() ? *program : std::vector<sock_filter>();
}

TEST(Profile, AllowsWhatItListsAndRefusesTheRest) {
  const std::vector<sock_filter> program = compiled(like_an_engine());
  EXPECT_EQ(run_filter(program, call_of(SYS_openat)), kAllow);
  EXPECT_EQ(run_filter(program, call_of(SYS_mount)), refused(EPERM));
  EXPECT_EQ(run_filter(program, call_of(SYS_clone3)), refused(ENOSYS));
  EXPECT_EQ(run_filter(program, call_of(SYS_clone, Arguments{0x11})), kAllow);
  EXPECT_EQ(run_filter(program, call_of(SYS_clone, Arguments{0x10000000})), refused(EPERM));
  EXPECT_EQ(run_filter(program, call_of(SYS_personality, Arguments{8})), kAllow);
  EXPECT_EQ(run_filter(program, call_of(SYS_personality, Arguments{9})), refused(EPERM));
}

TEST(Profile, CallsYoungerThanTheProfileAreAbsent) {
  Seccomp profile = like_an_engine();
  EXPECT_EQ(run_filter(compiled(profile), call_of(SYS_landlock_restrict_self + 1)), refused(ENOSYS));
  EXPECT_EQ(run_filter(compiled(profile), call_of(SYS_landlock_add_rule)), refused(EPERM));
  profile.default_action = SeccompAction::allow;
  EXPECT_EQ(run_filter(compiled(profile), call_of(SYS_landlock_restrict_self + 1)), kAllow);
}

TEST(Profile, LeavesTheShimItsWays) {
  const std::vector<sock_filter> program = compiled(like_an_engine());
  for (const uint32_t number : {abi::kHypercallHello, abi::kHypercallDone, abi::kHypercallFailed, abi::kHypercallReady,
                                abi::kHypercallText, abi::kHypercallExecFailed}) {
    EXPECT_EQ(run_filter(program, call_of(number)), kAllow);
  }
  EXPECT_EQ(run_filter(program, call_of(abi::kHypercallExecFailed + 1)), refused(ENOSYS));
  const Arguments loader = {9, abi::kEmptyString, 0x1000, 0x2000, AT_EMPTY_PATH};
  EXPECT_EQ(run_filter(program, call_of(SYS_execveat, loader)), kAllow);
  for (const size_t changed : {1U, 4U}) {
    for (const uint64_t difference : {uint64_t{0x100}, uint64_t{1} << 40}) {
      Arguments other = loader;
      other[changed] ^= difference;
      // The kernel sees the low half of the flags only.
      const bool same = changed == 4 && difference > UINT32_MAX;
      EXPECT_EQ(run_filter(program, call_of(SYS_execveat, other)), same ? kAllow : refused(EPERM));
    }
  }
}

TEST(Profile, SeveralComparisonsOfOneArgumentAreAlternatives) {
  Seccomp profile;
  profile.default_action = SeccompAction::error;
  SeccompRule rule;
  rule.names = {"personality"};
  rule.args = {{0, 3, 0, SeccompOperator::equal}, {0, 5, 0, SeccompOperator::equal}};
  profile.syscalls = {rule};
  const std::vector<sock_filter> program = compiled(profile);
  EXPECT_EQ(run_filter(program, call_of(SYS_personality, Arguments{3})), kAllow);
  EXPECT_EQ(run_filter(program, call_of(SYS_personality, Arguments{5})), kAllow);
  EXPECT_EQ(run_filter(program, call_of(SYS_personality, Arguments{4})), refused(EPERM));
}

TEST(Profile, EveryActionAndOperator) {
  const std::map<SeccompAction, uint32_t> actions = {{SeccompAction::kill, SECCOMP_RET_KILL_THREAD},
                                                     {SeccompAction::kill_thread, SECCOMP_RET_KILL_THREAD},
                                                     {SeccompAction::kill_process, SECCOMP_RET_KILL_PROCESS},
                                                     {SeccompAction::trap, SECCOMP_RET_TRAP},
                                                     {SeccompAction::error, refused(EPERM)},
                                                     {SeccompAction::trace, SECCOMP_RET_TRACE | EPERM},
                                                     {SeccompAction::log, SECCOMP_RET_LOG}};
  for (const auto& [action, expected] : actions) {
    Seccomp profile;
    SeccompRule rule;
    rule.names = {"read", "no_such_call"};
    rule.action = action;
    profile.syscalls = {rule};
    EXPECT_EQ(run_filter(compiled(profile), call_of(SYS_read)), expected);
    EXPECT_EQ(run_filter(compiled(profile), call_of(SYS_write)), kAllow);
  }
  const uint64_t value = (uint64_t{1} << 33) + 7;
  const std::map<SeccompOperator, std::array<bool, 3>> below_same_above = {
      {SeccompOperator::not_equal, {true, false, true}},        {SeccompOperator::less, {true, false, false}},
      {SeccompOperator::less_or_equal, {true, true, false}},    {SeccompOperator::equal, {false, true, false}},
      {SeccompOperator::greater_or_equal, {false, true, true}}, {SeccompOperator::greater, {false, false, true}}};
  for (const auto& [op, expected] : below_same_above) {
    Seccomp profile;
    SeccompRule rule;
    rule.names = {"read"};
    rule.action = SeccompAction::error;
    rule.args = {{1, value, 0, op}};
    profile.syscalls = {rule};
    const std::vector<sock_filter> program = compiled(profile);
    for (const uint64_t step : {0U, 1U, 2U}) {
      EXPECT_EQ(run_filter(program, call_of(SYS_read, Arguments{0, value - 1 + step})),
                expected[step] ? refused(EPERM) : kAllow);
    }
  }
}

TEST(Profile, SaysWhatItCannot) {
  Seccomp profile;
  SeccompRule rule;
  rule.names = {"read"};
  rule.action = SeccompAction::notify;
  profile.syscalls = {rule};
  EXPECT_EQ(compile_profile(profile).error().number(), ENOTSUP);
  rule.action = SeccompAction::error;
  rule.args = {{6, 0, 0, SeccompOperator::equal}};
  profile.syscalls = {rule};
  EXPECT_EQ(compile_profile(profile).error().number(), EINVAL);
}

TEST(Profile, CombinedRefusesFirstAndThenAsksTheContainersFilter) {
  Seccomp engine = like_an_engine();
  engine.syscalls.push_back({{"sched_yield"}, SeccompAction::log, {}, {}});
  engine.syscalls.push_back({{"gettid"}, SeccompAction::trace, {}, {}});
  const std::vector<sock_filter> container = compile({});
  const std::vector<sock_filter> profile = compiled(engine);
  Result<std::vector<sock_filter>> both = combine(profile, container);
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(run_filter(*both, call_of(SYS_gettid)), refused(ENOSYS));
  for (int64_t number = 0; number < 600; ++number) {
    if (number == SYS_gettid) continue;
    for (const uint64_t argument : {0ULL, 8ULL, 0x10000000ULL}) {
      const seccomp_data call = call_of(number, Arguments{argument});
      const uint32_t first = *run_filter(profile, call);
      const bool passes = first == kAllow || first == SECCOMP_RET_LOG;
      EXPECT_EQ(*run_filter(*both, call), passes ? *run_filter(container, call) : first) << number;
    }
  }
  EXPECT_EQ(run_filter(*both, call_of(abi::kHypercallHello)), uint32_t{SECCOMP_RET_USER_NOTIF});
  EXPECT_EQ(run_filter(*both, call_of(SYS_read, {}, AUDIT_ARCH_I386)), refused(ENOSYS));
  // What both allow is still in the kernel's cache.
  EXPECT_EQ(run_filter(*both, call_of(SYS_read), true), kAllow);
  EXPECT_EQ(combine(std::vector<sock_filter>(BPF_MAXINSNS), container).error().number(), E2BIG);
}

}  // namespace
}  // namespace litebox::filter
