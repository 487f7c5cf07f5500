// The descriptors above 2 that the caller left open: engines leak sockets and pipes, and none may reach a container unasked.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::runtime {

class InheritedDescriptors {
 public:
  // Must be the first thing a program does: what is open now came from the caller.
  static InheritedDescriptors take();

  // Gives up 3 to 3 + count - 1, in that order (an error names one that is not open), and closes all others.
  Result<std::vector<Fd>> keep(unsigned count);

 private:
  std::vector<int> open_;
};

// sd_listen_fds(3): the number of sockets passed to this very process by LISTEN_PID and LISTEN_FDS; 0 for none.
unsigned listen_descriptors();

}  // namespace litebox::runtime
