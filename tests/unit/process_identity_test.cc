#include "runtime/process_identity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace litebox::runtime {
namespace {

pid_t sleeper() {
  const pid_t pid = fork();
  if (pid == 0) {
    // A name as awkward as names get.
    (void)prctl(PR_SET_NAME, ") R 1 (x", 0, 0, 0);
    while (true) pause();
  }
  return pid;
}

TEST(ProcessIdentity, NamesOneProcess) {
  const pid_t pid = sleeper();
  const auto identity = identify(pid);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(read_process_stat(pid)->parent, getpid());
  EXPECT_TRUE(is_running(*identity));
  EXPECT_FALSE(is_running({pid, identity->start_time + 1}));
  EXPECT_EQ(signal_process({pid, identity->start_time + 1}, SIGKILL).error().number(), ESRCH);
  EXPECT_FALSE(wait_until_gone(*identity, 20));
  EXPECT_TRUE(signal_process(*identity, SIGKILL).ok());
  EXPECT_TRUE(wait_until_gone(*identity, 5000));
  EXPECT_FALSE(is_running(*identity)) << "a zombie has ended";
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(identify(pid).error().number(), ESRCH);
  EXPECT_FALSE(is_running({0, 0}));
  EXPECT_TRUE(wait_until_gone({0, 0}, 0));
}

TEST(ProcessIdentity, EndsWhenThawed) {
  constexpr uint64_t kKill = 1U << (SIGKILL - 1U);
  EXPECT_FALSE(ends_when_thawed({.state = 'D', .flags = 0x400000, .pending = 1U << (SIGTERM - 1U)}));
  EXPECT_TRUE(ends_when_thawed({.state = 'D', .pending = kKill}));
  EXPECT_TRUE(ends_when_thawed({.state = 'D', .flags = 0x4}));
  EXPECT_TRUE(ends_when_thawed({.state = 'R'}));
  EXPECT_TRUE(ends_when_thawed({.state = 'Z'}));
}

TEST(ProcessIdentity, PendingSignals) {
  const pid_t pid = sleeper();
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  ASSERT_EQ(waitpid(pid, nullptr, WUNTRACED), pid);
  EXPECT_EQ(read_process_stat(pid)->pending, 0U);
  EXPECT_EQ(read_process_stat(pid)->flags & 0x4U, 0U);
  // To the thread, which does not come to it.
  ASSERT_EQ(syscall(SYS_tgkill, pid, pid, SIGUSR1), 0);
  EXPECT_EQ(read_process_stat(pid)->pending, uint64_t{1} << (SIGUSR1 - 1U));
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
}

TEST(ProcessIdentity, DescendantsAtAnyDepth) {
  const pid_t child = fork();
  if (child == 0) {
    (void)sleeper();
    while (true) pause();
  }
  std::vector<ProcessIdentity> found;
  for (int i = 0; i < 1000 && found.size() < 2; ++i) {
    found = descendants(getpid());
    usleep(1000);
  }
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(descendants(child).size(), 1U);
  for (const ProcessIdentity& process : found) EXPECT_TRUE(signal_process(process, SIGKILL).ok());
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace litebox::runtime
