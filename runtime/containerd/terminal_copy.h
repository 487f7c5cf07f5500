// Between the master of a container's terminal and the fifos of a client, both ways, without blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/containerd/event_loop.h"

namespace litebox::containerd {

class TerminalCopy {
 public:
  // `input` may be none.
  TerminalCopy(EventLoop& loop, Fd master, Fd input, Fd output);
  TerminalCopy(const TerminalCopy&) = delete;
  TerminalCopy& operator=(const TerminalCopy&) = delete;
  ~TerminalCopy();

  Status resize(uint32_t columns, uint32_t rows);
  // Calls `done` when the terminal has no more output and all of it has been written; at once if that is so. One at a time.
  void when_finished(std::function<void()> done);
  bool finished() const { return finished_; }

 private:
  void update();
  void watch_master();
  void handle_master(uint32_t events);
  void read_input();
  void read_master();
  void write_master();
  void write_output();
  void finish();

  EventLoop& loop_;
  Fd master_;
  Fd input_;
  Fd output_;
  std::function<void()> done_;
  std::string typed_;    // not yet taken by the terminal
  std::string printed_;  // not yet taken by the client
  uint32_t input_events_ = 0;
  uint32_t output_events_ = 0;
  bool master_watched_ = false;
  bool master_ended_ = false;
  bool finished_ = false;
};

}  // namespace litebox::containerd
