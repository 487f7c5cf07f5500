#include "runtime/containerd/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "runtime/containerd/frame.h"
#include "wire/ttrpc.pb.h"

namespace litebox::containerd {
namespace {

constexpr size_t kConnectionsLimit = 64;
constexpr size_t kCallsLimit = 4096;        // unanswered, of one connection
constexpr size_t kUnreadLimit = 8U << 20U;  // bytes of answers that a client leaves unread before it is not read either
constexpr int kReadsAtOnce = 16;            // then the other connections get their turn
constexpr uint8_t kFlagRemoteOpen = 2;      // a streaming call, of which the service has none

}  // namespace

class ServerConnection final : public AnswerSink, public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(Server& server, Fd socket) : server_(server), socket_(std::move(socket)) {}
  ~ServerConnection() override { server_.loop_.forget(socket_.get()); }

  Status start() {
    // The server's set keeps it alive while it is watched.
    return server_.loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t events) { handle(events); });
  }

  bool flushed() const { return written_ == unwritten_.size(); }

  void answer(uint32_t stream, const Failure& failure, std::string_view payload) override {
    if (unanswered_ > 0) --unanswered_;
    send(stream, failure, payload);
  }

 private:
  void send(uint32_t stream, const Failure& failure, std::string_view payload) {
    if (closed_) return;
    wire::Response response;
    if (failure.code != Code::ok) {
      response.mutable_status()->set_code(static_cast<int>(failure.code));
      response.mutable_status()->set_message(failure.message);
    } else {
      response.set_payload(payload.data(), payload.size());
    }
    std::string bytes = response.SerializeAsString();
    if (bytes.size() > kFramePayloadLimit) return send(stream, {Code::resource_exhausted, "the answer is too long"}, "");
    unwritten_ += encode_frame(FrameType::response, stream, bytes);
    write();
  }

  void handle(uint32_t events) {
    const auto self = shared_from_this();
    if ((events & EPOLLOUT) != 0) write();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !closed_) read();
  }

  void read() {
    std::array<char, 16384> buffer;  // read() fills it
    for (int i = 0; i < kReadsAtOnce && !closed_ && backlog() < kUnreadLimit && unconsumed_.empty(); ++i) {
      const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (length < 0 && errno == EINTR) continue;
      if (length < 0 && errno == EAGAIN) return;
      if (length <= 0) return close();
      consume({buffer.data(), static_cast<size_t>(length)});
    }
  }

  // Takes the calls out of what has been read, as long as the client reads the answers; the rest is kept.
  void consume(std::string_view bytes) {
    consuming_ = true;
    while (!bytes.empty() && !closed_ && backlog() < kUnreadLimit) {
      bytes.remove_prefix(parser_.feed(bytes));
      if (auto frame = parser_.take()) take(*frame);
    }
    consuming_ = false;
    unconsumed_ = bytes;
  }

  void take(const Frame& frame) {
    if (frame.oversized) return send(frame.stream, {Code::resource_exhausted, "message is larger than 4 MiB"}, "");
    const auto type = static_cast<FrameType>(frame.type);
    if (type != FrameType::request) {
      // Data for a stream that does not exist is answered; anything else is left to what ttrpc may become.
      if (type == FrameType::data) send(frame.stream, {Code::invalid_argument, "no such stream"}, "");
      return;
    }
    if (frame.stream % 2 == 0) return send(frame.stream, {Code::invalid_argument, "stream id must be odd for clients"}, "");
    if (frame.stream <= last_stream_) {
      return send(frame.stream, {Code::invalid_argument, "stream id cannot be re-used"}, "");
    }
    last_stream_ = frame.stream;
    wire::Request request;
    if (!request.ParseFromString(frame.payload)) return send(frame.stream, {Code::invalid_argument, "broken request"}, "");
    if ((frame.flags & kFlagRemoteOpen) != 0) return send(frame.stream, {Code::unimplemented, "no streaming call"}, "");
    if (unanswered_ >= kCallsLimit) return send(frame.stream, {Code::resource_exhausted, "too many calls at a time"}, "");
    ++unanswered_;
    Call call;
    call.service = std::move(*request.mutable_service());
    call.method = std::move(*request.mutable_method());
    call.payload = std::move(*request.mutable_payload());
    call.timeout = std::chrono::nanoseconds(std::max<int64_t>(request.timeout_nano(), 0));
    call.responder = Responder(weak_from_this(), frame.stream);
    server_.handler_(std::move(call));
  }

  size_t backlog() const { return unwritten_.size() - written_; }

  void write() {
    while (!closed_ && backlog() > 0) {
      const ssize_t length = ::send(socket_.get(), unwritten_.data() + written_, backlog(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (length < 0 && errno == EINTR) continue;
      if (length < 0 && errno == EAGAIN) break;
      if (length < 0) return close();
      written_ += static_cast<size_t>(length);
    }
    if (backlog() == 0) {
      unwritten_.clear();
      unwritten_.shrink_to_fit();
      written_ = 0;
    } else if (written_ > unwritten_.size() / 2) {
      unwritten_.erase(0, written_);
      written_ = 0;
    }
    if (!consuming_ && !unconsumed_.empty() && backlog() < kUnreadLimit) consume(std::string(std::move(unconsumed_)));
    if (closed_) return;
    uint32_t events = 0;
    if (backlog() > 0) events |= EPOLLOUT;
    if (backlog() < kUnreadLimit) events |= EPOLLIN;
    if (events != watched_) server_.loop_.change(socket_.get(), events);
    watched_ = events;
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    server_.loop_.forget(socket_.get());
    server_.remove(shared_from_this());
  }

  Server& server_;
  Fd socket_;
  FrameParser parser_;
  uint32_t last_stream_ = 0;
  std::string unconsumed_;
  bool consuming_ = false;
  size_t unanswered_ = 0;
  std::string unwritten_;
  size_t written_ = 0;
  uint32_t watched_ = EPOLLIN;
  bool closed_ = false;
};

Server::Server(EventLoop& loop, Fd listener, Handler handler)
    : loop_(loop), listener_(std::move(listener)), handler_(std::move(handler)) {}

Server::~Server() {
  stop_accepting();
  connections_.clear();
}

Status Server::start() {
  return loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t /*events*/) { accept_all(); });
}

void Server::stop_accepting() {
  loop_.forget(listener_.get());
  listener_.reset();
}

bool Server::flushed() const {
  return std::all_of(connections_.begin(), connections_.end(), [](const auto& connection) { return connection->flushed(); });
}

void Server::accept_all() {
  while (true) {
    Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (!socket) return;
    if (connections_.size() >= kConnectionsLimit) continue;  // closed at once
    auto connection = std::make_shared<ServerConnection>(*this, std::move(socket));
    if (connection->start().ok()) connections_.insert(std::move(connection));
  }
}

}  // namespace litebox::containerd
