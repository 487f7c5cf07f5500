// What the task service sees of the world, in the hands of a fuzzer: children that never run, exits, time and descriptors that
// come when they are told to, events that are kept. shim_world.cc takes the place of operation.cc, event_loop.cc and
// publisher.cc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/containerd/operation.h"

namespace litebox::fuzz {

constexpr pid_t kFirstPid = 0x10000000;  // no process has one as high

struct PendingOperation {
  uint64_t number = 0;
  pid_t pid = 0;  // of the process that it makes, if it makes one
  bool killed = false;
  std::function<void(containerd::Outcome)> complete;
};

struct PublishedEvent {
  std::string topic;
  std::string value;
};

struct ShimWorld {
  std::vector<PendingOperation> operations;
  std::deque<std::pair<pid_t, int>> exits;  // for waitpid(2)
  std::vector<PublishedEvent> events;
  std::map<int, std::function<void(uint32_t)>> watches;
  pid_t next_pid = kFirstPid;
};

// Of the current input.
ShimWorld& shim_world();

}  // namespace litebox::fuzz
