// Work on containers in forked children: the shim itself never blocks, keeps no memory of what it has done, and survives
// whatever happens in there.
//
// The processes that a child leaves behind (keepers, loggers) come up to the shim, which is their subreaper.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/containerd/event_loop.h"
#include "runtime/containerd/rpc.h"

namespace litebox::containerd {

struct Outcome {
  Failure failure{Code::ok, ""};
  std::string payload;          // of success
  std::vector<Fd> descriptors;  // of success: at most 16
  bool died = false;            // the child ended without a word, whatever it had done by then

  bool ok() const { return failure.code == Code::ok; }
  static Outcome failed(Code code, std::string message) { return {{code, std::move(message)}, "", {}, false}; }
};

class Operations {
 public:
  using Work = std::function<Outcome()>;            // in the child
  using Completion = std::function<void(Outcome)>;  // in the shim

  explicit Operations(EventLoop& loop) : loop_(loop) {}
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;
  ~Operations();

  // Forks. `work` runs with /dev/null as standard input and output, default signals, and no other descriptor of the shim but
  // standard error; `completion` is called from the loop, once. The number names the operation.
  uint64_t start(const Work& work, Completion completion);
  // Kills the child; its completion is called with a failure.
  void kill(uint64_t number);
  // True when `pid` was the child of an operation.
  bool reaped(pid_t pid);

  bool idle() const { return running_.empty(); }

 private:
  struct Running {
    pid_t pid = 0;
    Fd channel;
    std::string bytes;
    std::vector<Fd> descriptors;
    Completion completion;
  };
  void receive(uint64_t number);
  void finish(uint64_t number);

  EventLoop& loop_;
  std::map<uint64_t, Running> running_;
  std::map<pid_t, uint64_t> children_;
  uint64_t numbers_ = 0;
};

}  // namespace litebox::containerd
