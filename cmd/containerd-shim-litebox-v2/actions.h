// What the program can be asked to do. Each returns the exit code; errors are one line on standard error.
#pragma once

#include "base/result.h"
#include "runtime/containerd/shim_arguments.h"

namespace litebox::shim {

using containerd::ShimArguments;

// The descriptor on which a serving shim finds its listening socket.
constexpr int kListenerDescriptor = 3;

// Starts a shim for the container in the working directory, or finds the one of its pod, and prints its address.
Result<int> start(const ShimArguments& arguments);

// Serves until it is told to shut down.
Result<int> serve(const ShimArguments& arguments);

// Cleans up after a shim that is gone and prints what is known of its container's end.
Result<int> remove(const ShimArguments& arguments);

// Prints a RuntimeInfo.
Result<int> info();

// All that can be read from standard input, up to a limit.
Result<std::string> read_standard_input();
Status write_standard_output(std::string_view text);

}  // namespace litebox::shim
