// binary://: a program that takes a container's output (containerd's runtime/v2/README.md, "Logging").
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/containerd/stream_uri.h"
#include "runtime/containerd/streams.h"

namespace litebox::containerd {

struct BinaryLogger {
  pid_t pid = 0;
  Fd output;  // writing ends of what it has as descriptors 3 and 4
  Fd error;
};

// Starts the program and waits until it is ready: it says so by closing descriptor 5, or by a byte. Its arguments are the names
// and values of the URI's query. The program is a child of the caller.
Result<BinaryLogger> start_binary_logger(const StreamUri& uri, const StreamOwner& owner);

}  // namespace litebox::containerd
