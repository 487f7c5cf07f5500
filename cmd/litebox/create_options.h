// What `create` and `run` have in common on the command line.
#pragma once

#include "base/result.h"
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/create.h"

namespace litebox::command {

void add_create_options(CommandLine& line);

// Takes the descriptors to be preserved and closes the others that the caller has left open.
Result<runtime::CreateRequest> create_request(const Arguments& options, Globals& globals);

// A non-negative decimal number.
Result<unsigned> parse_count(const std::string& text, const std::string& option);

// `path` seen from the present directory.
std::string absolute_path(const std::string& path);

}  // namespace litebox::command
