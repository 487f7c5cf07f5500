// What a neighbour's monitor answers, and what is made of answers that are none.
#include "shim/monitor/neighbours.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/unix_socket.h"
#include "shim/monitor/control_protocol.h"
#include "tests/unit/temporary_directory.h"

namespace litebox::monitor {
namespace {

Result<kernel::ProcessState> state_from(const std::string& answer) {
  const test::TemporaryDirectory directory;
  auto listener = listen_unix(directory.path(), kControlSocketName, SOCK_SEQPACKET);
  EXPECT_TRUE(listener.ok());
  std::thread neighbour([&] {
    const Fd connection(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(receive_message(connection.get(), kControlMessageLimit).ok());
    EXPECT_TRUE(send_message(connection.get(), answer).ok());
  });
  auto state = ask_for_state(directory.path(), HostPid(7));
  neighbour.join();
  return state;
}

TEST(Neighbours, StateIsTold) {
  kernel::Credentials credentials;
  credentials.euid = 5;
  credentials.groups = {6, 7};
  kernel::ProcessState state;
  state.credentials = std::make_shared<const kernel::Credentials>(credentials);
  state.executable_path = "/bin/program";
  state.dumpable = false;
  nlohmann::json answer = describe_state(state);
  answer["ok"] = true;
  const auto told = state_from(answer.dump());
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told->credentials->euid, 5U);
  EXPECT_EQ(told->credentials->groups, credentials.groups);
  EXPECT_EQ(told->executable_path, "/bin/program");
  EXPECT_FALSE(told->dumpable);
}

TEST(Neighbours, AnswersWithoutAState) {
  for (const char* answer : {"[]", "{", R"({"ok":false})", R"({"ok":1})", R"({"ok":"true"})", R"({"ok":true})",
                             R"({"ok":true,"uids":[1,2,3,4],"gids":"x"})"}) {
    EXPECT_EQ(state_from(answer).error().number(), ESRCH) << answer;
  }
}

}  // namespace
}  // namespace litebox::monitor
