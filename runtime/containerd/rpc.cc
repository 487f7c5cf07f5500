#include "runtime/containerd/rpc.h"

#include <google/protobuf/message_lite.h>

namespace litebox::containerd {

void Responder::answer(const google::protobuf::MessageLite& message) const {
  send({Code::ok, ""}, message.SerializeAsString());
}

void Responder::send(const Failure& failure, std::string_view payload) const {
  if (!state_ || state_->answered) return;
  state_->answered = true;
  if (const auto sink = state_->sink.lock()) sink->answer(state_->stream, failure, payload);
}

}  // namespace litebox::containerd
