#include "cmd/litebox/create_options.h"

#include <charconv>
#include <filesystem>

#include "runtime/inherited_descriptors.h"

namespace litebox::command {

void add_create_options(CommandLine& line) {
  line.option("bundle", "DIR", "the bundle (default: the current directory)", 'b');
  line.option("config", "FILE", "the configuration (default: config.json of the bundle)", 'f');
  line.option("console-socket", "SOCKET", "where the terminal's master is sent");
  line.option("pid-file", "FILE", "where the pid of the container's process is written");
  line.option("pidfd-socket", "SOCKET", "where a pidfd of that process is sent");
  line.option("preserve-fds", "N", "pass N descriptors on, from 3 upwards");
  line.flag("no-pivot", "accepted; there is no mount namespace to pivot in");
  line.flag("no-new-keyring", "accepted; containers have no keyring");
  line.flag("no-subreaper", "accepted");
}

Result<unsigned> parse_count(const std::string& text, const std::string& option) {
  unsigned number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || stop != end) return Error("invalid value \"" + text + "\" for --" + option);
  return number;
}

std::string absolute_path(const std::string& path) {
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(path, failure);
  return failure ? path : absolute.string();
}

Result<runtime::CreateRequest> create_request(const Arguments& options, Globals& globals) {
  runtime::CreateRequest request;
  request.id = options.words()[0];
  request.bundle = options.value("bundle").value_or(".");
  if (const auto config = options.value("config")) request.config_name = absolute_path(*config);
  if (const auto path = options.value("console-socket"); path && !path->empty()) request.console_socket = absolute_path(*path);
  if (const auto path = options.value("pid-file"); path && !path->empty()) request.pid_file = absolute_path(*path);
  if (const auto path = options.value("pidfd-socket"); path && !path->empty()) request.pidfd_socket = absolute_path(*path);
  request.systemd_cgroup = globals.systemd_cgroup;
  request.cgroups_disabled = globals.cgroups_disabled;
  request.debug = globals.debug;
  LITEBOX_ASSIGN(const unsigned preserved, parse_count(options.value("preserve-fds").value_or("0"), "preserve-fds"));
  request.listen_descriptors = runtime::listen_descriptors();
  LITEBOX_ASSIGN(request.preserved, globals.inherited.keep(request.listen_descriptors + preserved));
  return request;
}

}  // namespace litebox::command
