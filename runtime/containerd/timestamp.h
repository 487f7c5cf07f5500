// Points in time as containerd's messages carry them.
#pragma once

#include <time.h>

#include "wire/common.pb.h"

namespace litebox::containerd {

inline wire::Timestamp timestamp_now() {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  wire::Timestamp timestamp;
  timestamp.set_seconds(now.tv_sec);
  timestamp.set_nanos(static_cast<int32_t>(now.tv_nsec));
  return timestamp;
}

}  // namespace litebox::containerd
