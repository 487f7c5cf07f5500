// exec: one more program in a container.
#include "runtime/exec.h"

#include <algorithm>
#include <charconv>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "cmd/litebox/create_options.h"
#include "oci/capabilities.h"
#include "oci/process_json.h"

namespace litebox::command {
namespace {

Result<uid_t> parse_id(const std::string& text) {
  uid_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (text.empty() || failure != std::errc() || stop != end || number == static_cast<uid_t>(-1)) {
    return Error("invalid id \"" + text + "\": only numbers are taken");
  }
  return number;
}

Status set_user(oci::User& user, const std::string& text) {
  const size_t colon = text.find(':');
  LITEBOX_ASSIGN(user.uid, parse_id(text.substr(0, colon)));
  if (colon != std::string::npos) {
    LITEBOX_ASSIGN(user.gid, parse_id(text.substr(colon + 1)));
  }
  return {};
}

Status add_capabilities(oci::Process& process, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  if (!process.capabilities) process.capabilities.emplace();
  for (const std::string& name : names) {
    const auto number = oci::capability_number(name);
    if (!number) return Error("unknown capability \"" + name + "\"");
    for (auto* set : {&process.capabilities->bounding, &process.capabilities->effective, &process.capabilities->permitted}) {
      if (!*set) set->emplace();
      (*set)->names.push_back(name);
      (*set)->mask |= uint64_t{1} << *number;
    }
  }
  return {};
}

// The process of config.json, changed by the options.
Result<oci::Process> process_of_options(const Globals& globals, const Arguments& options) {
  LITEBOX_ASSIGN(oci::Process process, runtime::configured_process(globals.root.path, options.words()[0]));
  process.args.assign(options.words().begin() + 1, options.words().end());
  process.terminal = options.has("tty");
  if (const auto directory = options.value("cwd")) process.cwd = *directory;
  for (const std::string& entry : options.values("env")) process.env.push_back(entry);
  if (const auto user = options.value("user")) LITEBOX_TRY(set_user(process.user, *user));
  for (const std::string& group : options.values("additional-gids")) {
    LITEBOX_ASSIGN(const gid_t number, parse_id(group));
    process.user.additional_gids.push_back(number);
  }
  LITEBOX_TRY(add_capabilities(process, options.values("cap")));
  if (options.has("no-new-privs")) process.no_new_privileges = true;
  if (const auto profile = options.value("apparmor")) process.apparmor_profile = *profile;
  if (const auto label = options.value("process-label")) process.selinux_label = *label;
  return process;
}

CommandLine exec_command_line() {
  CommandLine line("exec", "CONTAINER COMMAND [ARG...]", "Executes a program in a container.");
  line.option("process", "FILE", "the whole process as JSON", 'p');
  line.flag("detach", "return when the program has been executed", 'd');
  line.flag("tty", "give it a terminal", 't');
  line.option("console-socket", "SOCKET", "where the terminal's master is sent");
  line.option("pid-file", "FILE", "where the pid of the process is written");
  line.option("cwd", "DIR", "its working directory");
  line.option("env", "NAME=VALUE", "one more variable; may be repeated", 'e');
  line.option("user", "UID[:GID]", "its user", 'u');
  line.option("additional-gids", "GID", "one more group; may be repeated", 'g');
  line.option("cap", "CAP_NAME", "one more capability; may be repeated", 'c');
  line.flag("no-new-privs", "set no_new_privs");
  line.option("apparmor", "PROFILE", "its AppArmor profile");
  line.option("process-label", "LABEL", "its SELinux label");
  line.option("preserve-fds", "N", "pass N descriptors on, from 3 upwards");
  line.option("pidfd-socket", "SOCKET", "where a pidfd of the process is sent");
  line.option("cgroup", "PATH", "its cgroup, below the container's: [CONTROLLER[,...]:]PATH; may be repeated");
  line.flag("ignore-paused", "even if the container is paused");
  return line.stop_at_first_word().words(1, SIZE_MAX);
}

}  // namespace

Result<int> exec(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line = exec_command_line();
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  runtime::ExecRequest request;
  request.id = options->words()[0];
  LITEBOX_ASSIGN(const unsigned preserved, parse_count(options->value("preserve-fds").value_or("0"), "preserve-fds"));
  LITEBOX_ASSIGN(request.preserved, globals.inherited.keep(preserved));
  if (const auto file = options->value("process")) {
    LITEBOX_ASSIGN(request.process, oci::load_process(*file));
    if (options->has("tty")) request.process.terminal = true;
  } else if (options->words().size() < 2) {
    return Error("exec: a command is needed");
  } else {
    LITEBOX_ASSIGN(request.process, process_of_options(globals, *options));
  }
  if (const auto path = options->value("console-socket")) request.console_socket = absolute_path(*path);
  if (const auto path = options->value("pid-file")) request.pid_file = absolute_path(*path);
  if (const auto path = options->value("pidfd-socket")) request.pidfd_socket = absolute_path(*path);
  request.cgroups = options->values("cgroup");
  request.detach = options->has("detach");
  request.ignore_paused = options->has("ignore-paused");
  return runtime::exec_in_container(globals.root.path, std::move(request));
}

}  // namespace litebox::command
