// Monitors that tell each other about their processes: containers that share their processes (shim/kernel/shared_processes.h).
//
// A neighbour is asked over its control socket (op "describe"), whose thread answers from its own table and asks nobody: two
// monitors that ask each other never wait for each other.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/process_state.h"

namespace litebox::monitor {

// What of a state means something to another container: credentials, umask, the executable's name, whether it may be inspected.
nlohmann::json describe_state(const kernel::ProcessState& state);

// Asks the monitor in `directory` for the state of one of its processes. ESRCH when it has none, or does not answer.
Result<kernel::ProcessState> ask_for_state(const std::string& directory, HostPid process);

}  // namespace litebox::monitor
