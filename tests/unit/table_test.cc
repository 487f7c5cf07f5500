// The system call table against the kernel's own list of numbers, and its decisions by argument and by condition.
#include "shim/table/table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string>

namespace litebox::table {
namespace {

using Arguments = std::array<uint64_t, 6>;

// Numbers younger than the oldest supported build machine's headers (Linux 6.1).
const std::map<int64_t, std::string> kNewer = {
    {335, "uretprobe"},        {336, "uprobe"},        {451, "cachestat"},         {452, "fchmodat2"},
    {453, "map_shadow_stack"}, {454, "futex_wake"},    {455, "futex_wait"},        {456, "futex_requeue"},
    {457, "statmount"},        {458, "listmount"},     {459, "lsm_get_self_attr"}, {460, "lsm_set_self_attr"},
    {461, "lsm_list_modules"}, {462, "mseal"},         {463, "setxattrat"},        {464, "getxattrat"},
    {465, "listxattrat"},      {466, "removexattrat"}, {467, "open_tree_attr"},    {468, "file_getattr"},
    {469, "file_setattr"},     {470, "listns"},        {471, "rseq_slice_yield"},
};

std::map<int64_t, std::string> known_numbers() {
  std::map<int64_t, std::string> known = kNewer;
#define LITEBOX_KERNEL_NUMBER(name, number) known[number] = #name;
#include "shim/table/kernel_numbers.inc"
#undef LITEBOX_KERNEL_NUMBER
  return known;
}

// The table's own word, as if every handler existed.
Decision decide(int64_t number, const Arguments& arguments, const Conditions& conditions = {}) {
  const Entry* entry = find(number);
  if (entry == nullptr) return {Route::refused, ENOSYS};
  Entry complete = *entry;
  complete.pending = false;
  return complete.decide(conditions, arguments);
}

constexpr Decision kNative{Route::native};
constexpr Decision kMonitor{Route::monitor};
constexpr Decision refused(int error) { return {Route::refused, error}; }

TEST(Table, HasEveryNumberOfTheKernelOnceWithItsName) {
  std::map<int64_t, std::string> in_table;
  for (const Entry& entry : entries()) {
    EXPECT_TRUE(in_table.emplace(entry.number, entry.name).second) << "number " << entry.number << " twice";
  }
  EXPECT_EQ(in_table, known_numbers());
}

TEST(Table, NumbersAscendAndNamesAreUnique) {
  std::set<std::string_view> names;
  int64_t previous = -1;
  for (const Entry& entry : entries()) {
    EXPECT_LT(previous, entry.number);
    previous = entry.number;
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(find(entry.number), &entry);
    EXPECT_EQ(find(entry.name), &entry);
  }
  EXPECT_EQ(find(int64_t{1000}), nullptr);
  EXPECT_EQ(find(int64_t{-1}), nullptr);
  EXPECT_EQ(find(int64_t{0x40000000}), nullptr);
  EXPECT_EQ(find("no_such_call"), nullptr);
}

TEST(Table, HypercallsAreNoNumbersOfTheKernelNorX32) {
  EXPECT_EQ(hypercalls().size(), 6U);
  for (const Hypercall& hypercall : hypercalls()) {
    EXPECT_EQ(find(hypercall.number), nullptr);
    EXPECT_EQ(hypercall.number & 0x40000000, 0);
    EXPECT_EQ(name(hypercall.number), hypercall.name);
  }
}

TEST(Table, EveryNativeAndRefusedCallHasAReason) {
  for (const Entry& entry : entries()) {
    EXPECT_TRUE(entry.decision.route == Route::monitor || !entry.reason.empty()) << entry.name;
    EXPECT_EQ(entry.decision.route == Route::refused, entry.decision.error != 0) << entry.name;
  }
}

TEST(Table, PendingCallsOfTheMonitorAreRefused) {
  Entry entry = *find("openat");
  entry.pending = true;
  EXPECT_EQ(entry.decide({}, {}), refused(ENOSYS));
  entry.pending = false;
  EXPECT_EQ(entry.decide({}, {}), kMonitor);
}

TEST(Table, ConditionsSurviveTheirBits) {
  for (unsigned bits = 0; bits < (1U << kConditionCount); ++bits) {
    EXPECT_EQ(bits_of(conditions_of(static_cast<ConditionBits>(bits))), bits);
  }
}

TEST(Table, CloneRefusesNamespacesWhateverElseIsAsked) {
  EXPECT_EQ(decide(56, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}), kNative);
  for (const uint64_t flag :
       {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    EXPECT_EQ(decide(56, {flag | CLONE_VM}), refused(EPERM));
    EXPECT_EQ(decide(56, {flag | 0xdead00000000}), refused(EPERM));
  }
  EXPECT_EQ(decide(56, {CLONE_NEWNS | CLONE_FS}), refused(EINVAL));
  EXPECT_EQ(decide(56, {CLONE_PARENT}), kMonitor);
  EXPECT_EQ(decide(56, {CLONE_PARENT | CLONE_NEWPID}), refused(EPERM));
  EXPECT_EQ(decide(435, {}), kMonitor);  // its flags lie in memory
}

TEST(Table, HighBitsOfIntegersDoNotHideACommand) {
  EXPECT_EQ(decide(16, {0, TIOCSTI}), kMonitor);
  EXPECT_EQ(decide(16, {0, TIOCSTI | (uint64_t{1} << 32)}), kMonitor);
  EXPECT_EQ(decide(16, {0, TIOCGSERIAL | (uint64_t{1} << 32)}), refused(ENOTTY));
  EXPECT_EQ(decide(16, {0, TCGETS | (uint64_t{7} << 40)}), kNative);
  EXPECT_EQ(decide(16, {0, 0x1234}), refused(ENOTTY));
  EXPECT_EQ(decide(302, {uint64_t{1} << 32, RLIMIT_NOFILE}), kNative);
  EXPECT_EQ(decide(302, {0, RLIMIT_LOCKS | (uint64_t{1} << 32)}), kMonitor);
  EXPECT_EQ(decide(302, {5, RLIMIT_NOFILE}), kMonitor);
}

TEST(Table, PointersAreComparedWhole) {
  EXPECT_EQ(decide(44, {3, 0, 0, 0, 0, 0}), kNative);
  EXPECT_EQ(decide(44, {3, 0, 0, 0, uint64_t{1} << 32, 0}), kMonitor);
  EXPECT_EQ(decide(43, {3, 0, 0}), kNative);
  EXPECT_EQ(decide(43, {3, uint64_t{1} << 47, 0}), kMonitor);
}

TEST(Table, SocketsDependOnTheNetwork) {
  const Conditions none;
  Conditions own;
  own.own_network = true;
  EXPECT_EQ(decide(41, {AF_UNIX, SOCK_STREAM, 0}, none), kNative);
  EXPECT_EQ(decide(41, {AF_INET, SOCK_STREAM, 0}, none), kMonitor);
  EXPECT_EQ(decide(41, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP}, own), kNative);
  EXPECT_EQ(decide(41, {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6}, own), kMonitor);
  EXPECT_EQ(decide(41, {AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP}, own), refused(ESOCKTNOSUPPORT));
  EXPECT_EQ(decide(41, {AF_INET, SOCK_STREAM, IPPROTO_SCTP}, own), refused(EPROTONOSUPPORT));
  EXPECT_EQ(decide(41, {AF_PACKET, SOCK_RAW, 0}, own), refused(EPERM));
  EXPECT_EQ(decide(41, {AF_VSOCK, SOCK_STREAM, 0}, own), refused(EAFNOSUPPORT));
  EXPECT_EQ(decide(41, {AF_ALG, SOCK_SEQPACKET, 0}, own), refused(EAFNOSUPPORT));
}

TEST(Table, MessagesMayHoldNamesAndAreTheMonitors) {
  Conditions conditions;
  EXPECT_EQ(decide(46, {}, conditions), kMonitor);
  EXPECT_EQ(decide(307, {}, conditions), kMonitor);
  conditions.confined_root = conditions.signal_scope = conditions.own_network = true;
  EXPECT_EQ(decide(46, {}, conditions), kMonitor);
  EXPECT_EQ(decide(307, {}, conditions), kMonitor);
}

TEST(Table, ClocksOfOtherProcessesAreNames) {
  const auto process_clock = [](uint32_t pid) { return static_cast<uint64_t>((~pid << 3) | 2U); };
  const auto thread_clock = [](uint32_t tid) { return static_cast<uint64_t>((~tid << 3) | 6U); };
  for (const int64_t number : {222, 228, 229, 230}) {
    EXPECT_EQ(decide(number, {CLOCK_MONOTONIC}), kNative);
    EXPECT_EQ(decide(number, {process_clock(0)}), kNative);
    EXPECT_EQ(decide(number, {process_clock(1)}), kMonitor);
    EXPECT_EQ(decide(number, {process_clock(4711)}), kMonitor);
    EXPECT_EQ(decide(number, {thread_clock(4711)}), kNative);
  }
}

TEST(Table, InitsAliasIsTranslated) {
  EXPECT_EQ(decide(109, {0, 0}), kNative);
  EXPECT_EQ(decide(109, {1, 0}), kMonitor);
  EXPECT_EQ(decide(109, {0, 1}), kMonitor);
  EXPECT_EQ(decide(247, {P_PGID, 1}), kMonitor);
}

TEST(Table, OptionsOfPrctl) {
  EXPECT_EQ(decide(157, {PR_SET_NAME}), kNative);
  EXPECT_EQ(decide(157, {PR_SET_CHILD_SUBREAPER, 1}), kNative);
  EXPECT_EQ(decide(157, {PR_SET_CHILD_SUBREAPER, 0}), kMonitor);
  EXPECT_EQ(decide(157, {PR_SET_MM, PR_SET_MM_MAP}), kNative);
  EXPECT_EQ(decide(157, {PR_SET_MM, PR_SET_MM_EXE_FILE}), refused(EPERM));
  EXPECT_EQ(decide(157, {PR_SET_DUMPABLE, 0}), kMonitor);
  EXPECT_EQ(decide(157, {PR_SET_PTRACER, 1}), refused(EINVAL));
  EXPECT_EQ(decide(157, {9999}), refused(EINVAL));
}

TEST(Table, UnshareOfWhatIsTheCallersOwn) {
  EXPECT_EQ(decide(272, {CLONE_FILES | CLONE_FS}), kNative);
  EXPECT_EQ(decide(272, {CLONE_NEWUSER}), refused(EPERM));
  EXPECT_EQ(decide(272, {CLONE_FILES | CLONE_NEWNS}), refused(EPERM));
  EXPECT_EQ(decide(272, {uint64_t{1} << 40}), refused(EINVAL));
}

}  // namespace
}  // namespace litebox::table
