// state: one container's state as JSON.
#include <iostream>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "oci/state.h"
#include "runtime/status.h"

namespace litebox::command {

Result<int> state(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("state", "CONTAINER", "Shows the state of a container as JSON.");
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_ASSIGN(const auto directory, runtime::StateDirectory::open(globals.root.path, options->words()[0]));
  LITEBOX_ASSIGN(const auto container, runtime::read_state(directory));
  std::cout << oci::state_to_json(container);
  return 0;
}

}  // namespace litebox::command
