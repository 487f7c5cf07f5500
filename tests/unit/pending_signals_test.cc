#include "shim/kernel/pending_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace litebox::kernel {
namespace {

constexpr char kStatus[] =
    "Name:\tSigPnd:\n"
    "Threads:\t3\n"
    "SigQ:\t0/7823\n"
    "SigPnd:\t0000000000000200\n"
    "ShdPnd:\t0000000000004001\n"
    "SigBlk:\t0000000000010000\n"
    "SigIgn:\t0000000000001000\n"
    "SigCgt:\t0000000000000002\n";

TEST(PendingSignals, ParsesStatus) {
  const auto state = parse_signal_state(ProcessStatus(kStatus));
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->pending, 0x200U);
  EXPECT_EQ(state->shared_pending, 0x4001U);
  EXPECT_EQ(state->blocked, 0x10000U);
  EXPECT_EQ(state->caught, 2U);
  EXPECT_EQ(state->threads, 3U);
}

TEST(PendingSignals, RefusesStatusWithoutFields) {
  EXPECT_EQ(parse_signal_state(ProcessStatus("Name:\tx\nThreads:\t1\n")).error().number(), EIO);
  EXPECT_EQ(parse_signal_state(ProcessStatus("")).error().number(), EIO);
}

TEST(PendingSignals, Interruption) {
  EXPECT_FALSE(may_be_interrupted({.pending = 0, .shared_pending = 0, .blocked = 0}));
  EXPECT_TRUE(may_be_interrupted({.pending = 2, .shared_pending = 0, .blocked = 0}));
  EXPECT_FALSE(may_be_interrupted({.pending = 2, .shared_pending = 8, .blocked = 10}));
  EXPECT_TRUE(may_be_interrupted({.pending = 0, .shared_pending = 8, .blocked = 2}));
}

// A process that stands for a guest in a notification: it takes no signal while it is stopped.
class Guest {
 public:
  Guest() : pid_(fork()) {
    if (pid_ == 0) {
      signal(SIGUSR1, [](int) {});
      raise(SIGSTOP);
      while (true) pause();
    }
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
  }
  ~Guest() { end(); }
  void send(int signal) const { kill(pid_, signal); }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  HostPid pid() const { return HostPid(pid_); }

 private:
  pid_t pid_;
};

int64_t read_byte(int fd) {
  char byte = 0;
  const ssize_t got = read(fd, &byte, 1);
  return got < 0 ? -errno : got;
}

class Interruptible : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe(pipe_), 0); }
  void TearDown() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  int pipe_[2] = {-1, -1};
};

TEST_F(Interruptible, ReturnsTheResult) {
  Guest guest;
  std::thread writer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_EQ(write(pipe_[1], "x", 1), 1);
  });
  const auto result = run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); });
  writer.join();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 1);
}

TEST_F(Interruptible, ReturnsTheCallsOwnError) {
  Guest guest;
  EXPECT_EQ(run_interruptibly(guest.pid(), [] { return read_byte(-1); }).error().number(), EBADF);
}

TEST_F(Interruptible, IsInterruptedByTheGuestsSignal) {
  Guest guest;
  std::thread sender([&guest] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    guest.send(SIGUSR1);
  });
  EXPECT_EQ(run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); }).error().number(), kRestartCall);
  sender.join();
}

TEST_F(Interruptible, IsInterruptedByTheGuestsEnd) {
  Guest guest;
  std::thread killer([&guest] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    guest.end();
  });
  // Which of the two depends on whether the fatal signal or the end is seen; nobody is left to whom it matters.
  EXPECT_THAT(run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); }).error().number(),
              testing::AnyOf(EINTR, kRestartCall));
  killer.join();
}

TEST_F(Interruptible, IsInterruptedWhenSignalsAreExpected) {
  Guest guest;
  std::thread sender([&guest] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    expect_signals();
    guest.send(SIGUSR1);
  });
  EXPECT_EQ(run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); }).error().number(), kRestartCall);
  sender.join();
}

TEST_F(Interruptible, RefusesWhereNobodyElseAnswers) {
  Guest guest;
  allow_blocking(false);
  EXPECT_EQ(run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); }).error().number(), ENOMEM);
  allow_blocking(true);
}

TEST_F(Interruptible, LimitsHowManyBlock) {
  Guest guest;
  std::atomic<int> refused = 0;
  std::atomic<int> begun = 0;
  std::vector<std::thread> threads;
  constexpr int kLimit = 1024;
  for (int i = 0; i < kLimit + 1; ++i) {
    threads.emplace_back([&] {
      ++begun;
      const auto result = run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); });
      if (!result.ok() && result.error().number() == ENOMEM) ++refused;
    });
  }
  while (begun < kLimit + 1 || refused == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string bytes(kLimit, 'x');  // one for each
  ASSERT_EQ(write(pipe_[1], bytes.data(), bytes.size()), kLimit);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 1);
}

TEST_F(Interruptible, IgnoresSignalsOfTheMonitor) {
  Guest guest;
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR2, &action, nullptr);
  const pthread_t self = pthread_self();
  std::thread other([this, self] {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    pthread_kill(self, SIGUSR2);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(write(pipe_[1], "x", 1), 1);
  });
  const auto result = run_interruptibly(guest.pid(), [this] { return read_byte(pipe_[0]); });
  other.join();
  EXPECT_TRUE(result.ok());
}

}  // namespace
}  // namespace litebox::kernel
