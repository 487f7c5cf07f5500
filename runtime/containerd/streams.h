// The standard streams of a process, opened: fifos of a client, files, programs that take logs, a terminal.
//
// A fifo is handed to the process as it is: nothing copies. A reader that vanishes is no reader less, as the shim keeps a
// reading end; the process blocks when the fifo is full, as behind a pipe. All of this may block: for children of the shim.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::containerd {

struct StreamPaths {
  std::string input;  // empty: /dev/null
  std::string output;
  std::string error;
  bool terminal = false;
};

// Who the streams are for: in the environment of a logging program.
struct StreamOwner {
  std::string id;
  std::string namespace_name;
  std::optional<uid_t> uid;  // to own the fifos, so that the process can open them by /dev/stdout
  std::optional<gid_t> gid;
};

struct Streams {
  std::array<Fd, 3> process;  // its 0, 1 and 2; none of them with a terminal
  Fd terminal_input;          // with a terminal: what is typed, and where its output goes
  Fd terminal_output;
  Fd input_keeper;                 // a writing end: the input has no end until this is closed
  std::vector<Fd> output_keepers;  // reading ends
  pid_t logger = 0;                // of binary://: a child that ends at the end of its input
};

// Waits for the readers of fifos, as opening them for writing does. ETIMEDOUT after `patience`.
Result<Streams> open_streams(const StreamPaths& paths, const StreamOwner& owner, std::chrono::milliseconds patience);

}  // namespace litebox::containerd
