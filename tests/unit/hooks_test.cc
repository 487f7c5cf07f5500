#include "runtime/hooks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "temporary_directory.h"

namespace litebox::runtime {
namespace {

oci::Hook shell(const std::string& script) {
  oci::Hook hook;
  hook.path = "/bin/sh";
  hook.args = {"given-name", "-c", script};
  return hook;
}

class HooksTest : public testing::Test {
 protected:
  std::string run(const oci::Hook& hook, const std::string& state = "{}") {
    const Status status = run_hook(hook, {state, directory_.path(), -1});
    return status.ok() ? "ok" : status.error().message();
  }
  test::TemporaryDirectory directory_;
};

TEST_F(HooksTest, GetsTheStateItsArgumentsAndTheBundle) {
  EXPECT_EQ(run(shell("cat > state; echo \"$0\" > name; pwd > directory"), "{\"id\":\"x\"}"), "ok");
  EXPECT_EQ(test::read_text(directory_ / "state"), "{\"id\":\"x\"}");
  EXPECT_EQ(test::read_text(directory_ / "name"), "given-name\n");
  EXPECT_EQ(test::read_text(directory_ / "directory"), directory_.path() + "\n");
}

TEST_F(HooksTest, LargeStatePassesAndAReaderIsNotNeeded) {
  const std::string large(1U << 20U, 'x');
  EXPECT_EQ(run(shell("wc -c > count"), large), "ok");
  EXPECT_EQ(std::stoul(test::read_text(directory_ / "count")), large.size());
  EXPECT_EQ(run(shell("exit 0"), large), "ok");
}

TEST_F(HooksTest, EnvironmentIsTheCallersUnlessGiven) {
  setenv("LITEBOX_HOOK_TEST", "inherited", 1);
  EXPECT_EQ(run(shell("echo $LITEBOX_HOOK_TEST > env")), "ok");
  EXPECT_EQ(test::read_text(directory_ / "env"), "inherited\n");
  oci::Hook given = shell("echo $LITEBOX_HOOK_TEST$OTHER > env");
  given.env = {"OTHER=own"};
  EXPECT_EQ(run(given), "ok");
  EXPECT_EQ(test::read_text(directory_ / "env"), "own\n");
}

TEST_F(HooksTest, FailureSaysHow) {
  EXPECT_EQ(run(shell("echo out; echo err >&2; exit 3")), "exit status 3, stdout: out, stderr: err");
  EXPECT_EQ(run(shell("kill -9 $$")), "signal: Killed, stdout: , stderr: ");
  oci::Hook missing;
  missing.path = "/nonexistent/hook";
  EXPECT_EQ(run(missing), "exec /nonexistent/hook: No such file or directory");
}

TEST_F(HooksTest, TimeoutKills) {
  oci::Hook hook = shell("echo $$ > pid; exec sleep 60");
  hook.timeout = 1;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(hook), "hook ran past specified timeout of 1.0s");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(kill(std::stoi(test::read_text(directory_ / "pid")), 0), -1);
}

TEST_F(HooksTest, LeftBehindChildDoesNotHoldTheHook) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(shell("sleep 3 & exit 0")), "ok");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(HooksTest, InterruptKills) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  (void)!write(ends[1], "x", 1);
  EXPECT_EQ(run_hook(shell("sleep 60"), {"{}", "/", ends[0]}).error().number(), EINTR);
}

TEST_F(HooksTest, RunInOrderUpToTheFirstFailure) {
  const std::vector<oci::Hook> hooks{shell("echo 0 >> log"), shell("echo 1 >> log; exit 1"), shell("echo 2 >> log")};
  const Status status = run_hooks(hooks, "createRuntime", {"{}", directory_.path(), -1});
  EXPECT_EQ(status.error().message(), "error running createRuntime hook #1: exit status 1, stdout: , stderr: ");
  EXPECT_EQ(test::read_text(directory_ / "log"), "0\n1\n");
}

}  // namespace
}  // namespace litebox::runtime
