// run: create, start, and, in the foreground, wait and delete.
#include "runtime/run.h"

#include "base/log.h"
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "cmd/litebox/create_options.h"
#include "runtime/destroy.h"
#include "runtime/operations.h"
#include "shim/monitor/container.h"

namespace litebox::command {

Result<int> run(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("run", "CONTAINER", "Creates a container and executes its program.");
  add_create_options(line);
  line.flag("detach", "return when the program has been executed", 'd');
  line.flag("keep", "do not delete the container when its program has ended");
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  const bool detach = options->has("detach");
  LITEBOX_ASSIGN(runtime::CreateRequest request, create_request(*options, globals));
  request.detached = detach;
  const std::string id = request.id;
  LITEBOX_TRY(runtime::make_root(globals.root));
  LITEBOX_ASSIGN(runtime::CreatedContainer container,
                 runtime::create_container(globals.root.path, std::move(request), monitor::run_container));
  if (detach) {
    const Status started = runtime::start_container(std::move(container), runtime::Readiness::awaited);
    if (started.ok()) return 0;
    (void)runtime::delete_container(globals.root.path, id, true);
    return started.error();
  }
  const auto code = runtime::run_in_foreground(std::move(container));
  if (!code.ok() || !options->has("keep")) {
    const Status deleted = runtime::delete_container(globals.root.path, id, true);
    if (!deleted.ok()) log::warning(deleted.error().message());
  }
  return code;
}

}  // namespace litebox::command
