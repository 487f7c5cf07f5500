// Events to containerd: a ttrpc client of containerd.services.events.ttrpc.v1.Events, one event at a time, so that they arrive
// in order. What cannot be delivered waits: containerd may be starting again.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "runtime/containerd/event_loop.h"
#include "runtime/containerd/frame.h"

namespace google::protobuf {
class MessageLite;
}

namespace litebox::containerd {

class Publisher {
 public:
  // `address`: a path of a listening AF_UNIX socket, with or without "unix://"; empty: events are dropped.
  Publisher(EventLoop& loop, std::string_view address, std::string namespace_name);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher();

  // `type` is the message's full name in containerd: "containerd.events.TaskExit".
  void publish(const std::string& topic, const std::string& type, const google::protobuf::MessageLite& event);

  bool idle() const { return queue_.empty(); }

 private:
  struct Event {
    std::string request;  // a serialized ForwardRequest
    int refusals = 0;
  };

  void send_next();
  bool connect();
  void handle(uint32_t events);
  void write();
  void read();
  void take_answer(const Frame& frame);
  void disconnect();
  void retry_later();

  EventLoop& loop_;
  std::string path_;
  std::string namespace_;
  std::deque<Event> queue_;
  Fd socket_;
  FrameParser parser_;
  uint32_t stream_ = 0;  // of the event that has been sent; the next is 2 above
  bool in_flight_ = false;
  std::string unwritten_;
  std::optional<EventLoop::TimerKey> deadline_;
  std::optional<EventLoop::TimerKey> retry_;
  int failures_ = 0;
};

}  // namespace litebox::containerd
