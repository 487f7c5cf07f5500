// ttrpc: frames, the server against clients of all kinds, the publisher of events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/unix_socket.h"
#include "runtime/containerd/event_loop.h"
#include "runtime/containerd/frame.h"
#include "runtime/containerd/publisher.h"
#include "runtime/containerd/server.h"
#include "tests/unit/temporary_directory.h"
#include "wire/events.pb.h"
#include "wire/task.pb.h"
#include "wire/ttrpc.pb.h"

namespace litebox::containerd {
namespace {

using test::TemporaryDirectory;

using namespace std::string_literals;

constexpr const char* kSocket = "socket";

std::vector<Frame> parse(FrameParser& parser, std::string_view bytes) {
  std::vector<Frame> frames;
  while (!bytes.empty()) {
    bytes.remove_prefix(parser.feed(bytes));
    if (auto frame = parser.take()) frames.push_back(std::move(*frame));
  }
  return frames;
}

TEST(Frame, IsTenBytesAndThePayload) {
  EXPECT_EQ(encode_frame(FrameType::response, 0x01020304, "ab"), "\0\0\0\x02\x01\x02\x03\x04\x02\0ab"s);
}

TEST(Frame, ComesInPiecesOfAnySize) {
  const std::string bytes = encode_frame(FrameType::request, 1, "hello") + encode_frame(FrameType::data, 3, "") +
                            encode_frame(FrameType::request, 5, std::string(100000, 'x'));
  for (const size_t step : {size_t{1}, size_t{7}, size_t{4096}, bytes.size()}) {
    FrameParser parser;
    std::vector<Frame> frames;
    for (size_t i = 0; i < bytes.size(); i += step) {
      for (Frame& frame : parse(parser, std::string_view(bytes).substr(i, step))) frames.push_back(std::move(frame));
    }
    ASSERT_EQ(frames.size(), 3U) << step;
    EXPECT_EQ(frames[0].payload, "hello");
    EXPECT_EQ(frames[1].stream, 3U);
    EXPECT_EQ(frames[1].type, 3);
    EXPECT_EQ(frames[2].payload.size(), 100000U);
    EXPECT_TRUE(parser.between_frames());
  }
}

TEST(Frame, TooLargeIsSkippedWhole) {
  std::string bytes = encode_frame(FrameType::request, 1, "");
  bytes.replace(0, 4, "\0\x40\0\x01"s);  // 4 MiB and a byte
  FrameParser parser;
  std::vector<Frame> frames = parse(parser, bytes + std::string(kFramePayloadLimit + 1, 'x'));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(frames[0].oversized);
  EXPECT_TRUE(frames[0].payload.empty());
  frames = parse(parser, encode_frame(FrameType::request, 3, "next"));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].payload, "next");
}

std::string request_frame(uint32_t stream, const std::string& method, const std::string& payload = "") {
  wire::Request request;
  request.set_service("test");
  request.set_method(method);
  request.set_payload(payload);
  return encode_frame(FrameType::request, stream, request.SerializeAsString());
}

// A blocking client of the server under test.
class Client {
 public:
  explicit Client(const std::string& directory) : socket_(connect_unix(directory, kSocket, SOCK_STREAM).value()) {}

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t length = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (length <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(length));
    }
  }

  // The next response; nothing at the end of the connection.
  std::optional<std::pair<uint32_t, wire::Response>> receive() {
    while (true) {
      if (auto frame = parser_.take()) {
        wire::Response response;
        if (!response.ParseFromString(frame->payload)) return std::nullopt;
        return std::pair(frame->stream, response);
      }
      if (buffered_.empty()) {
        buffered_.resize(65536);
        const ssize_t length = recv(socket_.get(), buffered_.data(), buffered_.size(), 0);
        buffered_.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
        if (length <= 0) return std::nullopt;
      }
      buffered_.erase(0, parser_.feed(buffered_));
    }
  }

  int code_of_next() {
    const auto response = receive();
    return response ? response->second.status().code() : -1;
  }

 private:
  Fd socket_;
  FrameParser parser_;
  std::string buffered_;
};

// A server whose method "echo" answers at once, "later" when "release" comes, "large" at length; "stop" ends the loop.
class ServerTest : public testing::Test {
 protected:
  ServerTest()
      : loop_(std::move(EventLoop::create()).value()),
        server_(*loop_, listen_unix(directory_.path(), kSocket, SOCK_STREAM | SOCK_NONBLOCK).value(),
                [this](const Call& call) { handle(call); }) {
    EXPECT_TRUE(server_.start().ok());
    thread_ = std::thread([this] { loop_->run(); });
  }

  ~ServerTest() override {
    Client(directory_.path()).send(request_frame(1, "stop"));
    thread_.join();
  }

  void handle(const Call& call) {
    if (call.method == "echo") call.responder.answer_bytes(call.payload);
    if (call.method == "large") call.responder.answer_bytes(std::string(1000000, 'l'));
    if (call.method == "later") later_.push_back(call.responder);
    if (call.method == "release") {
      for (auto responder = later_.rbegin(); responder != later_.rend(); ++responder) responder->answer_bytes("");
      later_.clear();
      call.responder.answer_bytes("");
    }
    if (call.method == "stop") loop_->stop();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<EventLoop> loop_;
  Server server_;
  std::vector<Responder> later_;
  std::thread thread_;
};

TEST_F(ServerTest, AnswersInAnyOrder) {
  Client client(directory_.path());
  client.send(request_frame(1, "later") + request_frame(3, "later") + request_frame(5, "echo", "x"));
  auto response = client.receive();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->first, 5U);
  EXPECT_EQ(response->second.payload(), "x");
  client.send(request_frame(7, "release"));
  std::vector<uint32_t> order;
  for (int i = 0; i < 3; ++i) order.push_back(client.receive().value().first);
  EXPECT_THAT(order, testing::ElementsAre(3, 1, 7));
}

TEST_F(ServerTest, RefusesStreamIdsThatAreNotNewAndOdd) {
  Client client(directory_.path());
  client.send(request_frame(5, "echo"));
  EXPECT_EQ(client.code_of_next(), 0);
  for (const uint32_t stream : {5U, 3U, 6U, 0U}) {
    client.send(request_frame(stream, "echo"));
    EXPECT_EQ(client.code_of_next(), static_cast<int>(Code::invalid_argument)) << stream;
  }
  client.send(request_frame(7, "echo"));
  EXPECT_EQ(client.code_of_next(), 0);
}

TEST_F(ServerTest, RefusesWhatIsTooLargeOrBroken) {
  Client client(directory_.path());
  std::string large = encode_frame(FrameType::request, 1, "");
  large.replace(0, 4, "\0\x50\0\0"s);
  client.send(large + std::string(5U << 20U, 'x'));
  EXPECT_EQ(client.code_of_next(), static_cast<int>(Code::resource_exhausted));
  client.send(encode_frame(FrameType::request, 3, "\xff\xff\xff"));
  EXPECT_EQ(client.code_of_next(), static_cast<int>(Code::invalid_argument));
  client.send(request_frame(5, "echo"));
  EXPECT_EQ(client.code_of_next(), 0);
}

TEST_F(ServerTest, IgnoresFramesThatAreNoRequests) {
  Client client(directory_.path());
  client.send(encode_frame(FrameType::response, 1, "") + encode_frame(static_cast<FrameType>(77), 3, "body"));
  client.send(request_frame(5, "echo"));
  const auto response = client.receive();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->first, 5U);
  client.send(encode_frame(FrameType::data, 7, "body"));
  EXPECT_EQ(client.code_of_next(), static_cast<int>(Code::invalid_argument));
}

TEST_F(ServerTest, BoundsTheCallsAtATime) {
  Client client(directory_.path());
  std::string flood;
  constexpr uint32_t calls = 5000;
  for (uint32_t i = 0; i < calls; ++i) flood += request_frame(2 * i + 1, "later");
  client.send(flood);
  // More than 4096 wait for an answer, so the others get theirs now.
  for (uint32_t i = 4096; i < calls; ++i) {
    const auto response = client.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->second.status().code(), static_cast<int>(Code::resource_exhausted));
  }
  Client other(directory_.path());
  other.send(request_frame(1, "release"));
  EXPECT_EQ(other.code_of_next(), 0);
}

TEST_F(ServerTest, ServesOthersWhileOneDoesNotRead) {
  Client deaf(directory_.path());
  std::string requests;
  for (uint32_t i = 0; i < 40; ++i) requests += request_frame(2 * i + 1, "large");
  deaf.send(requests);
  Client client(directory_.path());
  client.send(request_frame(1, "echo"));
  EXPECT_EQ(client.code_of_next(), 0);
  // It is read again once it reads: nothing is lost.
  for (int i = 0; i < 40; ++i) {
    const auto response = deaf.receive();
    ASSERT_TRUE(response) << i;
    EXPECT_EQ(response->second.payload().size(), 1000000U);
  }
}

// containerd's side of the publisher: notes topics, refuses what it is told to.
class Events {
 public:
  Events(EventLoop& loop, const std::string& directory)
      : server_(loop, listen_unix(directory, kSocket, SOCK_STREAM | SOCK_NONBLOCK).value(),
                [this](const Call& call) { take(call); }) {
    EXPECT_TRUE(server_.start().ok());
  }

  std::vector<std::string> topics;
  std::vector<std::string> ids;
  int refusals = 0;

 private:
  void take(const Call& call) {
    wire::ForwardRequest request;
    EXPECT_TRUE(request.ParseFromString(call.payload));
    EXPECT_EQ(call.service, "containerd.services.events.ttrpc.v1.Events");
    EXPECT_EQ(call.method, "Forward");
    EXPECT_EQ(request.envelope().namespace_(), "space");
    if (refusals > 0) {
      --refusals;
      return call.responder.fail(Code::unknown, "not now");
    }
    wire::TaskExit event;
    EXPECT_TRUE(event.ParseFromString(request.envelope().event().value()));
    topics.push_back(request.envelope().topic());
    ids.push_back(event.container_id());
    call.responder.answer_bytes("");
  }

  Server server_;
};

void publish(Publisher& publisher, int number) {
  wire::TaskExit event;
  event.set_container_id(std::to_string(number));
  publisher.publish("/tasks/exit", "containerd.events.TaskExit", event);
}

// Runs the loop until `done`, at most ten seconds.
template <typename Done>
void run_until(EventLoop& loop, const Done& done) {
  const auto deadline = EventLoop::Clock::now() + std::chrono::seconds(10);
  std::function<void()> look = [&] {
    if (done() || EventLoop::Clock::now() > deadline) return loop.stop();
    loop.after(std::chrono::milliseconds(1), look);
  };
  look();
  loop.run();
}

TEST(Publisher, KeepsTheOrderThroughRefusals) {
  const TemporaryDirectory directory;
  const auto loop = std::move(EventLoop::create()).value();
  Events events(*loop, directory.path());
  events.refusals = 2;
  Publisher publisher(*loop, "unix://" + directory.path() + "/" + kSocket, "space");
  for (int i = 0; i < 20; ++i) publish(publisher, i);
  run_until(*loop, [&] { return publisher.idle(); });
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(events.ids, expected);
}

TEST(Publisher, WaitsForContainerdToComeBack) {
  const TemporaryDirectory directory;
  const auto loop = std::move(EventLoop::create()).value();
  Publisher publisher(*loop, directory.path() + "/" + kSocket, "space");
  publish(publisher, 1);
  publish(publisher, 2);
  std::optional<Events> events;
  loop->after(std::chrono::milliseconds(300), [&] { events.emplace(*loop, directory.path()); });
  run_until(*loop, [&] { return publisher.idle(); });
  ASSERT_TRUE(events);
  EXPECT_THAT(events->ids, testing::ElementsAre("1", "2"));
}

TEST(Publisher, DropsAnEventThatIsRefusedForGood) {
  const TemporaryDirectory directory;
  const auto loop = std::move(EventLoop::create()).value();
  Events events(*loop, directory.path());
  events.refusals = 5;
  Publisher publisher(*loop, directory.path() + "/" + kSocket, "space");
  publish(publisher, 1);
  publish(publisher, 2);
  run_until(*loop, [&] { return publisher.idle(); });
  EXPECT_THAT(events.ids, testing::ElementsAre("2"));
}

}  // namespace
}  // namespace litebox::containerd
