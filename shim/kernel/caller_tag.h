// What a thread of the monitor that answers a call knows of its caller: the tag of its state (StateTable), which handlers ask
// for again and again. Only while the caller certainly waits: a tag is not looked up again in the kernel meanwhile.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.h"

namespace litebox::kernel {

class CallerTag {
 public:
  // For its lifetime, calls of this thread are answered for `thread` of `process`.
  CallerTag(HostPid thread, HostPid process);
  ~CallerTag();
  CallerTag(const CallerTag&) = delete;
  CallerTag& operator=(const CallerTag&) = delete;

  // The tag of the caller or its process, if it has been found since the states' `version` is what it is.
  static std::optional<uint64_t> known(HostPid process_or_thread, uint64_t version);
  // Remembers it, if that is who is served.
  static void found(HostPid process_or_thread, uint64_t version, uint64_t tag);
  // From here on the caller may end.
  static void forget();
};

}  // namespace litebox::kernel
