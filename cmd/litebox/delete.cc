// delete: removes a container that has ended or, by force, any.
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/destroy.h"

namespace litebox::command {

Result<int> remove(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("delete", "CONTAINER", "Deletes a container and what belongs to it.");
  line.flag("force", "kill it if it has not stopped; a missing container is no error", 'f');
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_TRY(runtime::delete_container(globals.root.path, options->words()[0], options->has("force")));
  return 0;
}

}  // namespace litebox::command
