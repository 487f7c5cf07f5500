// The OCI Process object by itself: `exec --process FILE`, and the control protocol's "process".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/process.h"

namespace litebox::oci {

// Parses and validates a Process document; args must not be empty. Errors as parse_config()'s.
Result<Process> parse_process(std::string_view json, std::string_view name = "process.json");

// Reads and parses the file `path`.
Result<Process> load_process(const std::string& path);

// One line of JSON that parse_process() reads back to an equal Process.
std::string process_to_json(const Process& process);

}  // namespace litebox::oci
