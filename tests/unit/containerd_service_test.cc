// The task service where calls and ends of processes overlap, in a world of the test's (tests/fuzz/shim_world.h).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <map>

#include "runtime/containerd/service.h"
#include "tests/fuzz/shim_world.h"
#include "tests/unit/temporary_directory.h"
#include "wire/events.pb.h"
#include "wire/shim.pb.h"
#include "wire/task.pb.h"

namespace litebox::containerd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kId = "container";
constexpr int kExitSeven = 7 << 8;

struct Answer {
  Code code = Code::ok;
  std::string payload;
};

class Answers final : public AnswerSink {
 public:
  void answer(uint32_t stream, const Failure& failure, std::string_view payload) override {
    all[stream] = {failure.code, std::string(payload)};
  }
  std::map<uint32_t, Answer> all;
};

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : publisher_(*loop_, "", "test"), service_(*loop_, publisher_, {"test", nullptr, [] {}}) {
    fuzz::shim_world() = {};
    wire::CreateRequest request;
    request.set_bundle(bundle_.path());
    call("Create", request);
    init_ = complete();
  }

  // The number under which the answer will be found.
  template <typename Request>
  uint32_t call(const char* method, Request request, const char* exec_id = "") {
    request.set_id(kId);
    if constexpr (requires { request.set_exec_id(exec_id); }) request.set_exec_id(exec_id);
    Call call;
    call.service = "containerd.task.v3.Task";
    call.method = method;
    call.payload = request.SerializeAsString();
    call.responder = Responder(answers_, ++calls_);
    service_.handle(call);
    return calls_;
  }

  uint32_t start_exec() {
    wire::ExecRequest request;
    request.mutable_spec()->set_value(R"({"args": ["program"], "cwd": "/"})");
    call("Exec", request, "exec");
    return call("Start", wire::StartRequest(), "exec");
  }

  // The first operation succeeds. What it has made, if it is a process.
  pid_t complete(bool with_terminal = false) {
    const fuzz::PendingOperation operation = take();
    wire::Started started;
    started.set_pid(static_cast<uint32_t>(operation.pid));
    started.set_terminal_master(with_terminal);
    Outcome outcome;
    outcome.payload = started.SerializeAsString();
    if (with_terminal) outcome.descriptors.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC));
    operation.complete(std::move(outcome));
    return operation.pid;
  }

  void fail() { take().complete(Outcome::failed(Code::unknown, "failed")); }

  static fuzz::PendingOperation take() {
    auto& operations = fuzz::shim_world().operations;
    fuzz::PendingOperation operation = std::move(operations.front());
    operations.erase(operations.begin());
    return operation;
  }

  void end(pid_t pid) {
    fuzz::shim_world().exits.emplace_back(pid, kExitSeven);
    service_.reap();
  }

  bool answered(uint32_t call) const { return answers_->all.contains(call); }

  // Of exits: the process's id and its status.
  static std::vector<std::pair<std::string, uint32_t>> exits() {
    std::vector<std::pair<std::string, uint32_t>> found;
    for (const fuzz::PublishedEvent& event : fuzz::shim_world().events) {
      wire::TaskExit exit;
      if (event.topic == "/tasks/exit" && exit.ParseFromString(event.value)) found.emplace_back(exit.id(), exit.exit_status());
    }
    return found;
  }

  test::TemporaryDirectory bundle_;
  std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create()).value();
  Publisher publisher_;
  Service service_;
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  uint32_t calls_ = 0;
  pid_t init_ = 0;
};

TEST_F(ServiceTest, AnswersEveryDeleteOfAnExecAndDeletesItOnce) {
  start_exec();
  end(complete(true));
  const uint32_t first = call("Delete", wire::DeleteRequest(), "exec");
  const uint32_t second = call("Delete", wire::DeleteRequest(), "exec");
  EXPECT_FALSE(answered(first));
  const auto terminal = fuzz::shim_world().watches.begin()->second;
  terminal(EPOLLIN);
  loop_->run();
  for (const uint32_t remove : {first, second}) {
    ASSERT_TRUE(answered(remove));
    wire::DeleteResponse response;
    ASSERT_TRUE(response.ParseFromString(answers_->all[remove].payload));
    EXPECT_EQ(response.exit_status(), 7U);
  }

  // Whatever time is left to either is none of the next one's business.
  const uint32_t start = start_exec();
  ASSERT_FALSE(answered(start));
  for (int i = 0; i < 10; ++i) loop_->run();
  const pid_t pid = complete();
  ASSERT_TRUE(answered(start));
  wire::PidResponse response;
  ASSERT_TRUE(response.ParseFromString(answers_->all[start].payload));
  EXPECT_EQ(response.pid(), static_cast<uint32_t>(pid));
}

TEST_F(ServiceTest, AnswersAWaitForAnExecThatIsDeletedBeforeItHasStarted) {
  wire::ExecRequest request;
  request.mutable_spec()->set_value(R"({"args": ["program"], "cwd": "/"})");
  call("Exec", request, "exec");
  const uint32_t wait = call("Wait", wire::WaitRequest(), "exec");
  EXPECT_FALSE(answered(wait));
  call("Delete", wire::DeleteRequest(), "exec");
  ASSERT_TRUE(answered(wait));
  EXPECT_EQ(answers_->all[wait].code, Code::not_found);
}

TEST_F(ServiceTest, TellsTheExitThatWaitsForAnExecWhenThatCannotStart) {
  call("Start", wire::StartRequest());
  complete();
  start_exec();
  end(init_);
  EXPECT_THAT(exits(), IsEmpty());
  fail();
  EXPECT_THAT(exits(), ElementsAre(std::pair(kId, 7U)));
}

TEST_F(ServiceTest, TellsEveryExitBeforeTheDeletion) {
  start_exec();
  complete();
  const uint32_t wait = call("Wait", wire::WaitRequest());
  end(init_);
  EXPECT_THAT(exits(), IsEmpty());
  const uint32_t remove = call("Delete", wire::DeleteRequest());
  complete();
  EXPECT_THAT(exits(), ElementsAre(std::pair("exec", 137U), std::pair(kId, 7U)));
  EXPECT_TRUE(answered(wait));
  wire::DeleteResponse response;
  ASSERT_TRUE(response.ParseFromString(answers_->all[remove].payload));
  EXPECT_EQ(response.exit_status(), 7U);
  EXPECT_EQ(fuzz::shim_world().events.back().topic, "/tasks/delete");
}

}  // namespace
}  // namespace litebox::containerd
