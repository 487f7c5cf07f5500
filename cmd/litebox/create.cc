// create: everything but executing the program.
#include "runtime/create.h"

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "cmd/litebox/create_options.h"
#include "shim/monitor/container.h"

namespace litebox::command {

Result<int> create(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("create", "CONTAINER", "Creates a container; `start` then executes its program.");
  add_create_options(line);
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_ASSIGN(runtime::CreateRequest request, create_request(*options, globals));
  LITEBOX_TRY(runtime::make_root(globals.root));
  const auto created = runtime::create_container(globals.root.path, std::move(request), monitor::run_container);
  if (!created.ok()) return created.error();
  return 0;
}

}  // namespace litebox::command
