// What an answer to a call can be, whatever carries it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace google::protobuf {
class MessageLite;
}

namespace litebox::containerd {

// google.rpc.Code
enum class Code : int {
  ok = 0,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  resource_exhausted = 8,
  failed_precondition = 9,
  unimplemented = 12,
  internal = 13,
};

struct Failure {
  Code code = Code::unknown;
  std::string message;
};

// Where the bytes of an answer go.
class AnswerSink {
 public:
  AnswerSink() = default;
  AnswerSink(const AnswerSink&) = delete;
  AnswerSink& operator=(const AnswerSink&) = delete;
  virtual ~AnswerSink() = default;
  // `payload` is the serialized answer; ignored unless `failure.code` is ok.
  virtual void answer(uint32_t stream, const Failure& failure, std::string_view payload) = 0;
};

// The right to answer one call, once; later answers are ignored, and so are those after the caller has gone. Copies share it.
class Responder {
 public:
  Responder() = default;
  Responder(std::weak_ptr<AnswerSink> sink, uint32_t stream)
      : state_(std::make_shared<State>(State{std::move(sink), stream, false})) {}

  void answer(const google::protobuf::MessageLite& message) const;
  void answer_bytes(std::string_view payload) const { send({Code::ok, ""}, payload); }
  void fail(Code code, std::string message) const { send({code, std::move(message)}, ""); }
  void fail(const Failure& failure) const { send(failure, ""); }

 private:
  struct State {
    std::weak_ptr<AnswerSink> sink;
    uint32_t stream;
    bool answered;
  };
  void send(const Failure& failure, std::string_view payload) const;
  std::shared_ptr<State> state_;
};

}  // namespace litebox::containerd
