// kill: a signal to init, or to every process.
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "oci/signals.h"
#include "runtime/operations.h"

namespace litebox::command {

Result<int> kill(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("kill", "CONTAINER [SIGNAL]", "Sends a signal (default: SIGTERM) to a container's first process.");
  line.flag("all", "to every process of the container", 'a');
  const auto options = line.stop_at_first_word().words(1, 3).parse(arguments);
  if (!options) return line.exit_code();
  std::string signal = "SIGTERM";
  bool all = options->has("all");
  // runc takes --all after the words too, where everything else is left alone.
  for (size_t i = 1; i < options->words().size(); ++i) {
    const std::string& word = options->words()[i];
    if (word == "--all" || word == "-a") {
      all = true;
    } else {
      signal = word;
    }
  }
  LITEBOX_ASSIGN(const int number, oci::parse_signal(signal));
  LITEBOX_TRY(runtime::kill_container(globals.root.path, options->words()[0], number, all));
  return 0;
}

}  // namespace litebox::command
