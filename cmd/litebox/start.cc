// start: executes the program of a created container.
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/operations.h"

namespace litebox::command {

Result<int> start(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("start", "CONTAINER", "Executes the program of a created container.");
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_TRY(runtime::start_container(globals.root.path, options->words()[0]));
  return 0;
}

}  // namespace litebox::command
