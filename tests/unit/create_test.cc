// The life of a container from the commands' side, with a monitor that only pretends.
#include "runtime/create.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "fake_monitor.h"
#include "oci/default_spec.h"
#include "runtime/destroy.h"
#include "runtime/exec.h"
#include "runtime/operations.h"
#include "runtime/status.h"
#include "temporary_directory.h"

namespace litebox::runtime {
namespace {

using nlohmann::json;

void wait_for_signals() {
  while (true) pause();
}

class CreateTest : public testing::Test {
 protected:
  void SetUp() override {
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    std::filesystem::create_directories(bundle_ / "rootfs");
    config_ = json::parse(oci::default_spec({}));
    config_["process"]["terminal"] = false;
    config_["linux"]["namespaces"] = json::array({{{"type", "pid"}}, {{"type", "mount"}}});
    config_["linux"].erase("resources");
    config_.erase("hostname");
  }

  void TearDown() override {
    const auto ids = StateDirectory::list(root_.path());
    for (const std::string& id : *ids) {
      const Status deleted = delete_container(root_.path(), id, true);
      EXPECT_TRUE(deleted.ok()) << deleted.error().message();
    }
    while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
    EXPECT_TRUE(descendants(getpid()).empty());
  }

  Result<CreatedContainer> create(std::function<void()> init = wait_for_signals, CreateRequest request = {}) {
    return create(test::fake_monitor(std::move(init)), std::move(request));
  }

  Result<CreatedContainer> create(const MonitorMain& monitor, CreateRequest request) {
    test::write_text(bundle_ / "config.json", config_.dump());
    request.id = "one";
    request.bundle = bundle_.path();
    request.cgroups_disabled = true;
    auto created = create_container(root_.path(), std::move(request), monitor);
    if (created.ok()) created->directory.unlock();
    return created;
  }

  std::string status() {
    const auto directory = StateDirectory::open(root_.path(), "one");
    if (!directory.ok()) return directory.error().message();
    const auto state = read_state(*directory);
    return state.ok() ? std::string(oci::status_name(state->status)) : state.error().message();
  }

  void add_hook(const char* name, const std::string& script) {
    config_["hooks"][name].push_back({{"path", "/bin/sh"}, {"args", {"sh", "-c", script}}});
  }

  bool nothing_left() { return StateDirectory::list(root_.path())->empty() && descendants(getpid()).empty(); }

  test::TemporaryDirectory root_;
  test::TemporaryDirectory bundle_;
  json config_;
};

TEST_F(CreateTest, StatusFromCreationToDeletion) {
  CreateRequest request;
  request.pid_file = bundle_ / "pid";
  const auto created = create(wait_for_signals, std::move(request));
  ASSERT_TRUE(created.ok()) << created.error().message();
  EXPECT_EQ(status(), "created");
  EXPECT_EQ(test::read_text(bundle_ / "pid"), std::to_string(created->record.keeper.pid));
  EXPECT_EQ(created->record.membership, 0x1234U);
  EXPECT_FALSE(delete_container(root_.path(), "two", false).ok());
  EXPECT_TRUE(delete_container(root_.path(), "two", true).ok());

  ASSERT_TRUE(start_container(root_.path(), "one").ok());
  EXPECT_EQ(status(), "running");
  EXPECT_FALSE(start_container(root_.path(), "one").ok());
  EXPECT_EQ(container_processes(root_.path(), "one")->size(), 1U);
  const Status refused = delete_container(root_.path(), "one", false);
  EXPECT_EQ(refused.error().message(), "cannot delete container one that is not stopped: running");

  ASSERT_TRUE(kill_container(root_.path(), "one", SIGKILL, false).ok());
  EXPECT_TRUE(wait_until_gone(created->record.keeper, 5000));
  EXPECT_EQ(status(), "stopped");
  EXPECT_EQ(kill_container(root_.path(), "one", SIGTERM, false).error().message(), "container not running");
  EXPECT_TRUE(kill_container(root_.path(), "one", SIGTERM, true).ok());
  EXPECT_FALSE(start_container(root_.path(), "one").ok());
  EXPECT_TRUE(delete_container(root_.path(), "one", false).ok());
  EXPECT_EQ(status(), "container does not exist: one");
}

TEST_F(CreateTest, SameIdTwice) {
  ASSERT_TRUE(create().ok());
  const auto again = create();
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.error().message().find("already exists"), std::string::npos);
  EXPECT_EQ(status(), "created") << "the first is untouched";
}

TEST_F(CreateTest, CreatedContainerIsDeletedWithoutForce) {
  ASSERT_TRUE(create().ok());
  EXPECT_TRUE(delete_container(root_.path(), "one", false).ok());
  EXPECT_TRUE(nothing_left());
}

TEST_F(CreateTest, BrokenConfigurationLeavesNothing) {
  config_.erase("root");
  EXPECT_FALSE(create().ok());
  EXPECT_TRUE(nothing_left());
}

TEST_F(CreateTest, FailingMonitorLeavesNothing) {
  const auto created = create(
      [](monitor::ContainerSetup setup) {
        const std::string text = "exec: \"x\": executable file not found in $PATH\n";
        (void)!write(setup.ready.get(), text.data(), text.size());
        return 1;
      },
      {});
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().message(), "exec: \"x\": executable file not found in $PATH");
  EXPECT_TRUE(nothing_left());
}

TEST_F(CreateTest, UnwritablePidFileLeavesNothing) {
  CreateRequest request;
  request.pid_file = bundle_ / "missing/pid";
  EXPECT_FALSE(create(wait_for_signals, std::move(request)).ok());
  EXPECT_TRUE(nothing_left());
}

TEST_F(CreateTest, HooksRunInOrderWithTheState) {
  add_hook("prestart", "echo prestart >> log; cat > prestart.json");
  add_hook("createRuntime", "echo createRuntime >> log");
  add_hook("createContainer", "echo createContainer >> log");
  add_hook("poststart", "echo poststart >> log; cat > poststart.json");
  add_hook("poststop", "echo poststop >> log; cat > poststop.json; exit 1");
  add_hook("poststop", "echo again >> log");
  const auto created = create();
  ASSERT_TRUE(created.ok()) << created.error().message();
  const json before = json::parse(test::read_text(bundle_ / "prestart.json"));
  EXPECT_EQ(before["status"], "creating");
  EXPECT_EQ(before["pid"], created->record.keeper.pid);
  EXPECT_EQ(before["bundle"], bundle_.path());
  ASSERT_TRUE(start_container(root_.path(), "one").ok());
  EXPECT_EQ(json::parse(test::read_text(bundle_ / "poststart.json"))["status"], "running");
  ASSERT_TRUE(delete_container(root_.path(), "one", true).ok());
  EXPECT_EQ(json::parse(test::read_text(bundle_ / "poststop.json"))["status"], "stopped");
  EXPECT_EQ(test::read_text(bundle_ / "log"), "prestart\ncreateRuntime\ncreateContainer\npoststart\npoststop\nagain\n");
}

TEST_F(CreateTest, FailingHookLeavesNothing) {
  add_hook("createRuntime", "exit 5");
  add_hook("createContainer", "echo never >> log");
  add_hook("poststop", "echo poststop >> log");
  const auto created = create();
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().message(), "error running createRuntime hook #0: exit status 5, stdout: , stderr: ");
  EXPECT_TRUE(nothing_left());
  EXPECT_EQ(test::read_text(bundle_ / "log"), "poststop\n");
}

TEST_F(CreateTest, FailingPoststartHookDestroys) {
  add_hook("poststart", "exit 5");
  add_hook("poststop", "echo poststop >> log");
  const auto created = create();
  ASSERT_TRUE(created.ok());
  EXPECT_FALSE(start_container(root_.path(), "one").ok());
  EXPECT_EQ(status(), "container does not exist: one");
  EXPECT_TRUE(nothing_left());
  EXPECT_EQ(test::read_text(bundle_ / "log"), "poststop\n");
}

TEST_F(CreateTest, TerminalNeedsSomewhereToGo) {
  config_["process"]["terminal"] = true;
  const auto refused = create();
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("cannot allocate tty"), std::string::npos);
  config_["process"]["terminal"] = false;
  CreateRequest request;
  request.console_socket = "/x";
  EXPECT_NE(create(wait_for_signals, std::move(request)).error().message().find("cannot use console socket"),
            std::string::npos);
}

TEST_F(CreateTest, ConsoleSocketGetsTheMaster) {
  config_["process"]["terminal"] = true;
  config_["process"]["consoleSize"] = {{"height", 33}, {"width", 77}};
  const auto listener = listen_unix(bundle_.path(), "console", SOCK_STREAM);
  ASSERT_TRUE(listener.ok());
  CreateRequest request;
  request.console_socket = bundle_ / "console";
  const auto created = create(wait_for_signals, std::move(request));
  ASSERT_TRUE(created.ok()) << created.error().message();
  const Fd connection(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  // As an engine does it: one recvmsg with room for the name and one descriptor.
  std::array<char, 4096> name{};
  iovec part{name.data(), name.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ASSERT_GT(recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC), 0);
  EXPECT_EQ(std::string(name.data()).rfind("/dev/pts/", 0), 0U);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  ASSERT_NE(header, nullptr);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  const Fd master(fd);
  winsize size{};
  ASSERT_EQ(ioctl(master.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_row, 33);
  EXPECT_EQ(size.ws_col, 77);
}

TEST_F(CreateTest, DeleteFindsWhatKilledKeeperAndMonitorLeft) {
  const auto created = create();
  ASSERT_TRUE(created.ok());
  ASSERT_TRUE(start_container(root_.path(), "one").ok());
  const auto guests = container_processes(root_.path(), "one");
  ASSERT_EQ(guests->size(), 1U);
  const auto guest = identify(guests->front());
  // Stopped first, so that neither can clean up after the other.
  ASSERT_TRUE(signal_process(created->record.keeper, SIGSTOP).ok());
  ASSERT_TRUE(signal_process(created->record.monitor, SIGKILL).ok());
  ASSERT_TRUE(signal_process(created->record.keeper, SIGKILL).ok());
  ASSERT_TRUE(wait_until_gone(created->record.keeper, 5000));
  EXPECT_TRUE(is_running(*guest));
  EXPECT_EQ(status(), "stopped");
  ASSERT_TRUE(delete_container(root_.path(), "one", true).ok());
  EXPECT_FALSE(is_running(*guest));
}

TEST_F(CreateTest, DeleteWorksWhenCreateWasKilledEarly) {
  std::filesystem::create_directory(root_ / "one");
  EXPECT_EQ(status(), "container does not exist: one");
  EXPECT_TRUE(delete_container(root_.path(), "one", true).ok());
  EXPECT_TRUE(nothing_left());
}

TEST_F(CreateTest, ExecInTheForegroundReturnsTheCode) {
  ASSERT_TRUE(create().ok());
  const auto run = [&](const std::string& script) {
    ExecRequest request;
    request.id = "one";
    request.process = *configured_process(root_.path(), "one");
    request.process.args = {script};
    return exec_in_container(root_.path(), std::move(request));
  };
  EXPECT_EQ(*run("exit 3"), 3);
  EXPECT_EQ(*run("kill -15 $$"), 128 + 15);
  EXPECT_EQ(run("missing").error().message(), "exec: \"missing\": executable file not found in $PATH");
  ASSERT_TRUE(delete_container(root_.path(), "one", true).ok());
  EXPECT_FALSE(configured_process(root_.path(), "one").ok());
}

TEST_F(CreateTest, DetachedExecLeavesAKeeperThatEndsLikeTheProcess) {
  ASSERT_TRUE(create().ok());
  const auto run = [&](const std::string& script) {
    ExecRequest request;
    request.id = "one";
    request.process = *configured_process(root_.path(), "one");
    request.process.args = {script};
    request.detach = true;
    request.pid_file = bundle_ / "exec.pid";
    return exec_in_container(root_.path(), std::move(request));
  };
  const auto wait = [&] {
    int status = -1;
    (void)waitpid(std::stoi(test::read_text(bundle_ / "exec.pid")), &status, 0);
    return status;
  };
  ASSERT_TRUE(run("sleep 0.1; exit 9").ok());
  EXPECT_EQ(wait(), 9 << 8);
  ASSERT_TRUE(run("trap 'exit 4' USR1; echo x > " + (bundle_ / "trapped") + "; while :; do sleep 0.01; done").ok());
  while (!std::filesystem::exists(bundle_ / "trapped")) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(kill(std::stoi(test::read_text(bundle_ / "exec.pid")), SIGUSR1), 0);
  EXPECT_EQ(wait(), 4 << 8);
  EXPECT_FALSE(run("missing").ok());
}

}  // namespace
}  // namespace litebox::runtime
