#include "runtime/keeper.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "fake_monitor.h"
#include "runtime/process_identity.h"
#include "runtime/wait_status.h"
#include "temporary_directory.h"

namespace litebox::runtime {
namespace {

using namespace std::chrono_literals;

void wait_for_signals() {
  while (true) pause();
}

class KeeperTest : public testing::Test {
 protected:
  Result<Keeper> spawn(const MonitorMain& monitor) {
    KeeperSetup setup;
    setup.container.id = "test";
    setup.container.state_directory = directory_.path();
    return Keeper::spawn(setup, monitor);
  }

  // A committed keeper whose init runs `init`.
  Keeper start(std::function<void()> init) {
    auto keeper = spawn(test::fake_monitor(std::move(init)));
    EXPECT_TRUE(keeper.ok()) << keeper.error().message();
    EXPECT_TRUE(keeper->release().ok());
    const auto ready = keeper->wait_until_ready(-1);
    EXPECT_TRUE(ready.ok()) << ready.error().message();
    (void)keeper->commit();  // fails if the container has already ended
    return std::move(keeper).value();
  }

  // The keeper's wait status; -1 when it has not ended within ten seconds.
  static int wait_for(const Keeper& keeper) {
    int status = 0;
    for (int i = 0; i < 5000; ++i) {
      if (waitpid(keeper.keeper().pid, &status, WNOHANG) == keeper.keeper().pid) return status;
      std::this_thread::sleep_for(2ms);
    }
    return -1;
  }

  test::TemporaryDirectory directory_;
};

TEST_F(KeeperTest, EndsAsInitEnds) {
  EXPECT_EQ(wait_for(start([] { _exit(7); })), 7 << 8);
  std::filesystem::remove(directory_ / "control.sock");
  EXPECT_EQ(wait_for(start([] { _exit(0); })), 0);
}

TEST_F(KeeperTest, EndsByTheSameSignal) {
  for (const int number : {SIGTERM, SIGKILL, SIGSEGV, SIGUSR1, SIGRTMIN + 2}) {
    std::filesystem::remove(directory_ / "control.sock");
    const int status = wait_for(start([number] { (void)kill(getpid(), number); }));
    ASSERT_TRUE(WIFSIGNALED(status)) << number;
    EXPECT_EQ(WTERMSIG(status), number);
    EXPECT_FALSE(WCOREDUMP(status));
    EXPECT_EQ(exit_code_of(status), 128 + number);
  }
}

TEST_F(KeeperTest, ForwardsSignalsToInit) {
  const Keeper keeper = start([] {
    (void)signal(SIGTERM, [](int) { _exit(42); });
    wait_for_signals();
  });
  std::this_thread::sleep_for(50ms);
  ASSERT_EQ(kill(keeper.keeper().pid, SIGTERM), 0);
  EXPECT_EQ(wait_for(keeper), 42 << 8);
}

TEST_F(KeeperTest, KillsEverythingWhenTheMonitorDies) {
  const std::string pids = directory_ / "pids";
  const Keeper keeper = start([pids] {
    // Deep, in sessions of their own, and forking all the time.
    for (int depth = 0; depth < 2; ++depth) {
      if (fork() != 0) continue;
      (void)setsid();
    }
    for (int i = 0; i < 1000; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        usleep(20000);
        _exit(0);
      }
      usleep(5000);
      (void)waitpid(-1, nullptr, WNOHANG);
    }
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_GT(descendants(keeper.keeper().pid).size(), 4U);
  const auto before = descendants(keeper.keeper().pid);
  ASSERT_TRUE(signal_process(keeper.monitor(), SIGKILL).ok());
  const int status = wait_for(keeper);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  for (const ProcessIdentity& process : before) EXPECT_FALSE(is_running(process)) << process.pid;
}

TEST_F(KeeperTest, ErrorOfTheMonitorReachesTheCommand) {
  auto keeper = spawn([](monitor::ContainerSetup setup) {
    const std::string text = "process.args: no such program\n";
    (void)!write(setup.ready.get(), text.data(), text.size());
    return 1;
  });
  ASSERT_TRUE(keeper.ok());
  ASSERT_TRUE(keeper->release().ok());
  EXPECT_EQ(keeper->wait_until_ready(-1).error().message(), "process.args: no such program");
  keeper->abandon();
  EXPECT_EQ(waitpid(keeper->keeper().pid, nullptr, 0), -1) << "it has been reaped";
}

TEST_F(KeeperTest, MonitorThatDiesSilentlyIsAnError) {
  auto keeper = spawn([](monitor::ContainerSetup) { return 1; });
  ASSERT_TRUE(keeper->release().ok());
  EXPECT_FALSE(keeper->wait_until_ready(-1).ok());
  keeper->abandon();
}

TEST_F(KeeperTest, AbandonedBeforeReleaseNothingRuns) {
  const std::string witness = directory_ / "ran";
  auto keeper = spawn([witness](monitor::ContainerSetup) {
    test::write_text(witness, "x");
    return 0;
  });
  ASSERT_TRUE(keeper.ok());
  const ProcessIdentity monitor = keeper->monitor();
  keeper->abandon();
  EXPECT_FALSE(is_running(monitor));
  EXPECT_FALSE(std::filesystem::exists(witness));
}

TEST_F(KeeperTest, CommandThatDiesTakesTheContainerWithIt) {
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t command = fork();
  if (command == 0) {
    auto keeper = spawn(test::fake_monitor(wait_for_signals));
    (void)keeper->release();
    (void)keeper->wait_until_ready(-1);
    const pid_t pid = keeper->keeper().pid;
    (void)!write(ends[1], &pid, sizeof pid);
    pause();
  }
  pid_t keeper = 0;
  ASSERT_EQ(read(ends[0], &keeper, sizeof keeper), static_cast<ssize_t>(sizeof keeper));
  const auto identity = identify(keeper);
  ASSERT_TRUE(identity.ok());
  ASSERT_FALSE(descendants(keeper).empty());
  (void)kill(command, SIGKILL);
  (void)waitpid(command, nullptr, 0);
  EXPECT_TRUE(wait_until_gone(*identity, 5000));
  EXPECT_TRUE(descendants(keeper).empty());
}

TEST_F(KeeperTest, WaitEndsWhenInterrupted) {
  auto keeper = spawn([](monitor::ContainerSetup) {
    wait_for_signals();
    return 0;
  });
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  (void)!write(ends[1], "x", 1);
  ASSERT_TRUE(keeper->release().ok());
  EXPECT_EQ(keeper->wait_until_ready(ends[0]).error().number(), EINTR);
  keeper->abandon();
}

TEST_F(KeeperTest, KeepsNoDescriptorOfTheCaller) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);  // inheritable on purpose
  const Keeper keeper = start(wait_for_signals);
  (void)close(ends[1]);
  char byte = 0;
  // init, a plain child here, holds nothing either: the monitor has closed what it was not given.
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  (void)signal_process(keeper.monitor(), SIGKILL);  // upon which the keeper ends init
  EXPECT_NE(wait_for(keeper), -1);
}

}  // namespace
}  // namespace litebox::runtime
