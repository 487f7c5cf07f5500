// What the shim does with processes and descriptors: children, streams, terminals, counters of cgroups.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "runtime/console.h"
#include "runtime/containerd/metrics.h"
#include "runtime/containerd/operation.h"
#include "runtime/containerd/streams.h"
#include "runtime/containerd/terminal_copy.h"
#include "tests/unit/temporary_directory.h"
#include "wire/cgroup_v1.pb.h"
#include "wire/cgroup_v2.pb.h"

namespace litebox::containerd {
namespace {

using test::TemporaryDirectory;

using std::chrono::milliseconds;
using std::chrono::seconds;

Outcome run(const Operations::Work& work, bool kill = false) {
  const auto loop = std::move(EventLoop::create()).value();
  Operations operations(*loop);
  Outcome result;
  const uint64_t number = operations.start(work, [&](Outcome outcome) {
    result = std::move(outcome);
    loop->stop();
  });
  if (kill) operations.kill(number);
  loop->run();
  EXPECT_TRUE(operations.idle());
  const pid_t child = waitpid(-1, nullptr, 0);
  EXPECT_TRUE(operations.reaped(child));
  return result;
}

TEST(Operations, BringBackBytesAndDescriptors) {
  const Outcome outcome = run([] {
    Outcome done;
    done.payload = std::string(300000, 'x');
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0 || write(ends[1], "inside", 6) != 6) return Outcome::failed(Code::internal, "pipe");
    done.descriptors.emplace_back(ends[0]);
    return done;
  });
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.payload.size(), 300000U);
  ASSERT_EQ(outcome.descriptors.size(), 1U);
  std::array<char, 8> text{};
  EXPECT_EQ(read(outcome.descriptors[0].get(), text.data(), text.size()), 6);
  EXPECT_STREQ(text.data(), "inside");
}

TEST(Operations, BringBackFailures) {
  const Outcome outcome = run([] { return Outcome::failed(Code::not_found, "no such thing"); });
  EXPECT_EQ(outcome.failure.code, Code::not_found);
  EXPECT_EQ(outcome.failure.message, "no such thing");
  EXPECT_FALSE(outcome.died);
  EXPECT_EQ(run([]() -> Outcome { throw std::runtime_error("thrown"); }).failure.message, "thrown");
}

TEST(Operations, SurviveTheDeathOfTheChild) {
  EXPECT_TRUE(run([]() -> Outcome { _exit(3); }).died);
  EXPECT_TRUE(run(
                  []() -> Outcome {
                    pause();
                    return {};
                  },
                  true)
                  .died);
}

class StreamsTest : public testing::Test {
 protected:
  std::string fifo(const std::string& name) {
    const std::string path = directory_.path() + "/" + name;
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return path;
  }

  static std::string read_some(int fd) {
    std::array<char, 4096> buffer{};
    const ssize_t length = read(fd, buffer.data(), buffer.size());
    return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(length, 0))};
  }

  TemporaryDirectory directory_;
};

TEST_F(StreamsTest, WaitForAReaderAndOutliveIt) {
  const std::string path = fifo("out");
  Fd reader;
  std::thread client([&] {
    std::this_thread::sleep_for(milliseconds(50));
    reader = Fd(open(path.c_str(), O_RDONLY));
  });
  auto streams = open_streams({"", path, "", false}, {"id", "ns", {}, {}}, seconds(20));
  client.join();
  ASSERT_TRUE(streams.ok()) << streams.error().message();
  ASSERT_EQ(write(streams->process[1].get(), "one", 3), 3);
  EXPECT_EQ(read_some(reader.get()), "one");
  // Nobody reads any more: no EPIPE, and the next reader finds what was written.
  reader.reset();
  ASSERT_EQ(write(streams->process[1].get(), "two", 3), 3);
  reader = Fd(open(path.c_str(), O_RDONLY));
  EXPECT_EQ(read_some(reader.get()), "two");
  streams->process[1].reset();
  EXPECT_EQ(read_some(reader.get()), "");
}

TEST_F(StreamsTest, GiveUpOnAReaderThatNeverComes) {
  const auto streams = open_streams({"", fifo("out"), "", false}, {"id", "ns", {}, {}}, milliseconds(30));
  ASSERT_FALSE(streams.ok());
  EXPECT_EQ(streams.error().number(), ETIMEDOUT);
}

TEST_F(StreamsTest, InputEndsWhenItsKeeperIsClosed) {
  const std::string path = fifo("in");
  auto streams = open_streams({path, "", "", false}, {"id", "ns", {}, {}}, seconds(1));
  ASSERT_TRUE(streams.ok()) << streams.error().message();
  Fd writer(open(path.c_str(), O_WRONLY));
  ASSERT_EQ(write(writer.get(), "typed", 5), 5);
  writer.reset();
  EXPECT_EQ(read_some(streams->process[0].get()), "typed");
  pollfd entry{streams->process[0].get(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 20), 0);
  streams->input_keeper.reset();
  EXPECT_EQ(read_some(streams->process[0].get()), "");
}

TEST_F(StreamsTest, AppendBothToOneLogFile) {
  const std::string path = directory_.path() + "/logs/new/file";
  auto streams = open_streams({"", "file://" + path, "", false}, {"id", "ns", {}, {}}, seconds(1));
  ASSERT_TRUE(streams.ok()) << streams.error().message();
  ASSERT_EQ(write(streams->process[1].get(), "out,", 4), 4);
  ASSERT_EQ(write(streams->process[2].get(), "err", 3), 3);
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "out,err");
}

TEST_F(StreamsTest, StartALoggerAndWaitForIt) {
  const std::string log = directory_.path() + "/log";
  const std::string script = directory_.path() + "/logger";
  {
    std::ofstream text(script);
    text << "#!/bin/sh\necho \"$CONTAINER_ID $CONTAINER_NAMESPACE $*\" >" << log << "\nexec 5>&-\ncat <&3 >>" << log
         << "\ncat <&4 >>" << log << "\n";
  }
  chmod(script.c_str(), 0700);
  auto streams = open_streams({"", "binary://" + script + "?a=b", "", false}, {"id", "ns", {}, {}}, seconds(1));
  ASSERT_TRUE(streams.ok()) << streams.error().message();
  ASSERT_EQ(write(streams->process[1].get(), "out\n", 4), 4);
  ASSERT_EQ(write(streams->process[2].get(), "err\n", 4), 4);
  streams->process[1].reset();
  streams->process[2].reset();
  int status = -1;
  EXPECT_EQ(waitpid(streams->logger, &status, 0), streams->logger);
  EXPECT_EQ(status, 0);
  std::ifstream file(log);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "id ns a b\nout\nerr\n");
  EXPECT_FALSE(open_streams({"", "binary:///nonexistent/logger", "", false}, {"id", "ns", {}, {}}, seconds(1)).ok());
  EXPECT_FALSE(open_streams({"", "strange:///x", "", false}, {"id", "ns", {}, {}}, seconds(1)).ok());
}

TEST(TerminalCopy, GoesBothWaysUntilTheTerminalEnds) {
  auto console = runtime::open_console(std::nullopt);
  ASSERT_TRUE(console.ok());
  termios settings{};
  ASSERT_EQ(tcgetattr(console->slave.get(), &settings), 0);
  cfmakeraw(&settings);
  ASSERT_EQ(tcsetattr(console->slave.get(), TCSANOW, &settings), 0);
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  ASSERT_EQ(pipe2(input.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(output.data(), O_CLOEXEC), 0);
  const Fd typing(input[1]);
  const Fd reading(output[0]);
  const auto loop = std::move(EventLoop::create()).value();
  TerminalCopy copy(*loop, std::move(console->master), Fd(input[0]), Fd(output[1]));
  EXPECT_TRUE(copy.resize(100, 40).ok());
  winsize size{};
  ASSERT_EQ(ioctl(console->slave.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_col, 100);
  EXPECT_EQ(size.ws_row, 40);
  // More than a pipe holds: the terminal has to wait for the reader, and its end is seen after everything else.
  constexpr size_t length = 300000;
  std::thread program([slave = std::move(console->slave)]() mutable {
    char byte = 0;
    if (read(slave.get(), &byte, 1) != 1 || byte != 'k') return;
    const std::string text(length, 'p');
    for (size_t done = 0; done < text.size();)
      done += static_cast<size_t>(write(slave.get(), text.data() + done, text.size() - done));
    (void)tcdrain(slave.get());
    slave.reset();
  });
  size_t received = 0;
  std::thread client([&] {
    std::array<char, 8192> buffer{};
    for (ssize_t part = 1; (part = read(reading.get(), buffer.data(), buffer.size())) > 0;) {
      received += static_cast<size_t>(part);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  ASSERT_EQ(write(typing.get(), "k", 1), 1);
  copy.when_finished([&] { loop->stop(); });
  loop->run();
  program.join();
  client.join();
  EXPECT_EQ(received, length);
  EXPECT_TRUE(copy.finished());
}

class MetricsTest : public testing::Test {
 protected:
  void write_file(const std::string& name, const std::string& text) { std::ofstream(directory_.path() + "/" + name) << text; }
  TemporaryDirectory directory_;
};

TEST_F(MetricsTest, OfVersionOne) {
  write_file("cgroup.procs", "");
  write_file("memory.usage_in_bytes", "4096\n");
  write_file("memory.stat", "cache 1\nrss 2\nhierarchical_memsw_limit 3\ntotal_unevictable 4\n");
  write_file("cpuacct.usage", "77\n");
  write_file("cpuacct.stat", "user 5\nsystem 6\n");
  write_file("pids.current", "3\n");
  write_file("pids.max", "max\n");
  write_file("blkio.throttle.io_service_bytes_recursive", "8:0 Read 10\n8:0 Total 20\nTotal 20\n");
  const auto metrics = read_metrics({directory_.path()});
  ASSERT_TRUE(metrics.ok());
  EXPECT_EQ(metrics->type, "io.containerd.cgroups.v1.Metrics");
  wire::v1::Metrics message;
  ASSERT_TRUE(message.ParseFromString(metrics->value));
  EXPECT_EQ(message.memory().usage().usage(), 4096U);
  EXPECT_EQ(message.memory().hierarchical_swap_limit(), 3U);
  EXPECT_EQ(message.memory().total_unevictable(), 4U);
  EXPECT_EQ(message.cpu().usage().total(), 77U);
  EXPECT_EQ(message.cpu().usage().user(), 50000000U);
  EXPECT_EQ(message.pids().current(), 3U);
  EXPECT_EQ(message.pids().limit(), 0U);
  ASSERT_EQ(message.blkio().io_service_bytes_recursive_size(), 2);
  EXPECT_EQ(message.blkio().io_service_bytes_recursive(0).op(), "Read");
  EXPECT_EQ(message.blkio().io_service_bytes_recursive(0).value(), 10U);
}

TEST_F(MetricsTest, OfVersionTwo) {
  write_file("cgroup.controllers", "memory\n");
  write_file("memory.current", "8192\n");
  write_file("memory.max", "max\n");
  write_file("memory.events", "low 0\noom 2\noom_kill 1\n");
  write_file("cpu.stat", "usage_usec 9\nuser_usec 4\nsystem_usec 5\n");
  write_file("io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n");
  const auto metrics = read_metrics({directory_.path()});
  ASSERT_TRUE(metrics.ok());
  EXPECT_EQ(metrics->type, "io.containerd.cgroups.v2.Metrics");
  wire::v2::Metrics message;
  ASSERT_TRUE(message.ParseFromString(metrics->value));
  EXPECT_EQ(message.memory().usage(), 8192U);
  EXPECT_EQ(message.memory().usage_limit(), UINT64_MAX);
  EXPECT_EQ(message.memory_events().oom_kill(), 1U);
  EXPECT_EQ(message.cpu().system_usec(), 5U);
  ASSERT_EQ(message.io().usage_size(), 1);
  EXPECT_EQ(message.io().usage(0).minor(), 16U);
  EXPECT_EQ(message.io().usage(0).wios(), 4U);
}

TEST_F(MetricsTest, OfNothingIsAnError) {
  EXPECT_FALSE(read_metrics({}).ok());
  EXPECT_FALSE(read_metrics({directory_.path()}).ok());
}

}  // namespace
}  // namespace litebox::containerd
