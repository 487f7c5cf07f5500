// pause and resume: by the freezer of the container's cgroup, or by its monitor.
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/operations.h"

namespace litebox::command {

Result<int> pause(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("pause", "CONTAINER", "Suspends all processes of a container.");
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_TRY(runtime::pause_container(globals.root.path, options->words()[0]));
  return 0;
}

Result<int> resume(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("resume", "CONTAINER", "Resumes all processes of a paused container.");
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_TRY(runtime::resume_container(globals.root.path, options->words()[0]));
  return 0;
}

}  // namespace litebox::command
