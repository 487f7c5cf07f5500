// checkpoint and restore: engines probe for them, so the answer is an error whatever the arguments, --help included.
#include "cmd/litebox/command.h"

namespace litebox::command {

Result<int> checkpoint(Globals& /*globals*/, const std::vector<std::string>& /*arguments*/) {
  return Error(ENOTSUP, "checkpoint");
}

Result<int> restore(Globals& /*globals*/, const std::vector<std::string>& /*arguments*/) { return Error(ENOTSUP, "restore"); }

}  // namespace litebox::command
