#include "runtime/run.h"

#include <sys/wait.h>

#include <csignal>
#include <optional>

#include "runtime/foreground.h"
#include "runtime/operations.h"
#include "runtime/wait_status.h"

namespace litebox::runtime {

Result<int> run_in_foreground(CreatedContainer container) {
  const pid_t keeper =
      container.record.keeper.pid;  // this process's own child, so the number is nobody else's until waited for
  Foreground foreground(container.console ? std::optional(std::move(container.console->master)) : std::nullopt);
  LITEBOX_TRY(start_container(std::move(container), Readiness::forwarded_aside));
  const auto ended = [keeper](bool /*readable*/) -> std::optional<int> {
    int status = 0;
    if (waitpid(keeper, &status, WNOHANG) != keeper) return std::nullopt;
    return status;
  };
  const int status = foreground.wait(-1, ended, [keeper](int number) { (void)kill(keeper, number); });
  return exit_code_of(status);
}

}  // namespace litebox::runtime
