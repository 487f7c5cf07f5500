#include "runtime/containerd/publisher.h"

#include <google/protobuf/message_lite.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/unix_socket.h"
#include "runtime/containerd/timestamp.h"
#include "wire/events.pb.h"
#include "wire/ttrpc.pb.h"

namespace litebox::containerd {
namespace {

constexpr const char* kService = "containerd.services.events.ttrpc.v1.Events";
constexpr const char* kMethod = "Forward";
constexpr size_t kQueueLimit = 2048;  // events; the oldest go first
constexpr int kRefusalsLimit = 5;     // of one event, by a containerd that answers
constexpr auto kAnswerPatience = std::chrono::seconds(5);
constexpr auto kRetryStep = std::chrono::milliseconds(200);
constexpr int kRetryStepsLimit = 15;

std::string path_of(std::string_view address) {
  constexpr std::string_view scheme = "unix://";
  if (address.substr(0, scheme.size()) == scheme) address.remove_prefix(scheme.size());
  return std::string(address);
}

}  // namespace

Publisher::Publisher(EventLoop& loop, std::string_view address, std::string namespace_name)
    : loop_(loop), path_(path_of(address)), namespace_(std::move(namespace_name)) {}

Publisher::~Publisher() { disconnect(); }

void Publisher::publish(const std::string& topic, const std::string& type, const google::protobuf::MessageLite& event) {
  if (path_.empty()) return;
  wire::ForwardRequest request;
  wire::Envelope& envelope = *request.mutable_envelope();
  *envelope.mutable_timestamp() = timestamp_now();
  envelope.set_namespace_(namespace_);
  envelope.set_topic(topic);
  envelope.mutable_event()->set_type_url(type);
  envelope.mutable_event()->set_value(event.SerializeAsString());
  if (queue_.size() >= kQueueLimit) queue_.erase(queue_.begin() + (in_flight_ ? 1 : 0));
  queue_.push_back({request.SerializeAsString(), 0});
  if (!in_flight_ && !retry_) send_next();
}

bool Publisher::connect() {
  if (socket_) return true;
  const size_t slash = path_.rfind('/');
  if (slash == std::string::npos) return false;
  auto connected = connect_unix(path_.substr(0, slash), path_.substr(slash + 1), SOCK_STREAM | SOCK_NONBLOCK);
  if (!connected.ok()) return false;
  socket_ = std::move(connected).value();
  parser_ = FrameParser();
  stream_ = 0;
  if (loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t events) { handle(events); }).ok()) return true;
  socket_.reset();
  return false;
}

void Publisher::send_next() {
  if (queue_.empty()) return;
  if (!connect()) return retry_later();
  stream_ = stream_ == 0 ? 1 : stream_ + 2;
  wire::Request request;
  request.set_service(kService);
  request.set_method(kMethod);
  request.set_payload(queue_.front().request);
  request.set_timeout_nano(std::chrono::nanoseconds(kAnswerPatience).count());
  wire::KeyValue& metadata = *request.add_metadata();
  metadata.set_key("containerd-namespace-ttrpc");
  metadata.set_value(namespace_);
  unwritten_ = encode_frame(FrameType::request, stream_, request.SerializeAsString());
  in_flight_ = true;
  deadline_ = loop_.after(kAnswerPatience, [this] {
    deadline_.reset();
    retry_later();
  });
  write();
}

void Publisher::handle(uint32_t events) {
  if ((events & EPOLLOUT) != 0) write();
  if (socket_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
}

void Publisher::write() {
  while (!unwritten_.empty()) {
    const ssize_t length = send(socket_.get(), unwritten_.data(), unwritten_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return loop_.change(socket_.get(), EPOLLIN | EPOLLOUT);
    if (length < 0) return retry_later();
    unwritten_.erase(0, static_cast<size_t>(length));
  }
  loop_.change(socket_.get(), EPOLLIN);
}

void Publisher::read() {
  std::array<char, 4096> buffer;  // recv() fills it
  while (socket_) {
    const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
      // Not a failure unless an answer is due: containerd may end when nothing happens.
      if (in_flight_) return retry_later();
      return disconnect();
    }
    std::string_view bytes(buffer.data(), static_cast<size_t>(length));
    while (!bytes.empty()) {
      bytes.remove_prefix(parser_.feed(bytes));
      if (const auto frame = parser_.take()) take_answer(*frame);
    }
  }
}

void Publisher::take_answer(const Frame& frame) {
  if (!in_flight_ || frame.stream != stream_) return;  // late, of an event that was sent again
  in_flight_ = false;
  if (deadline_) loop_.cancel(*deadline_);
  deadline_.reset();
  failures_ = 0;
  wire::Response response;
  const bool accepted = !frame.oversized && response.ParseFromString(frame.payload) && response.status().code() == 0;
  if (accepted || ++queue_.front().refusals >= kRefusalsLimit) {
    queue_.pop_front();
    return send_next();
  }
  retry_later();
}

void Publisher::disconnect() {
  if (socket_) loop_.forget(socket_.get());
  socket_.reset();
  unwritten_.clear();
  in_flight_ = false;
  if (deadline_) loop_.cancel(*deadline_);
  deadline_.reset();
}

void Publisher::retry_later() {
  disconnect();
  if (retry_) return;
  failures_ = std::min(failures_ + 1, kRetryStepsLimit);
  retry_ = loop_.after(kRetryStep * failures_, [this] {
    retry_.reset();
    send_next();
  });
}

}  // namespace litebox::containerd
