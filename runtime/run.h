// `run` in the foreground: from a created container to its exit code.
#pragma once

#include "base/result.h"
#include "runtime/create.h"

namespace litebox::runtime {

// Starts the container, forwards signals to it (all but SIGCHLD, SIGURG and SIGWINCH), relays its terminal, and waits for its
// end. The exit code, or 128 + the signal. The container is left as it is: stopped, or, on an error, not started.
Result<int> run_in_foreground(CreatedContainer container);

}  // namespace litebox::runtime
