// litebox: an OCI container runtime without namespaces. This file: global options, and the choice of the command.
#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <iostream>

#include "base/log.h"
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "cmd/litebox/report.h"
#include "cmd/litebox/version.h"

namespace litebox::command {
namespace {

constexpr std::array kCommands{
    Command{"checkpoint", "not supported", checkpoint},
    Command{"create", "create a container", create},
    Command{"delete", "delete a container and what belongs to it", remove},
    Command{"doctor", "show what this host allows", doctor},
    Command{"events", "show a container's statistics", events},
    Command{"exec", "execute a program in a container", exec, 255},
    Command{"features", "show what this runtime supports, as JSON", features},
    Command{"install", "register litebox with docker, podman and containerd", install},
    Command{"kill", "send a signal to a container", kill},
    Command{"list", "list containers", list},
    Command{"pause", "suspend all processes of a container", pause},
    Command{"ps", "list the processes of a container", ps},
    Command{"restore", "not supported", restore},
    Command{"resume", "resume a paused container", resume},
    Command{"run", "create and start a container", run},
    Command{"spec", "write a default config.json", spec},
    Command{"start", "execute the program of a created container", start},
    Command{"state", "show a container's state, as JSON", state},
    Command{"syscalls", "show how each system call is answered", syscalls},
    Command{"uninstall", "undo install", uninstall},
    Command{"update", "change the resource limits of a container", update},
};

CommandLine global_command_line() {
  CommandLine line("litebox", "COMMAND [ARG...]", "Runs OCI containers without namespaces, under a system call shim.");
  line.option("root", "DIR", "where the state of containers is kept (default: /run/litebox, or below $XDG_RUNTIME_DIR)", 'r');
  line.option("log", "FILE", "append messages to FILE instead of standard error", 'l');
  line.option("log-format", "FORMAT", "text (default) or json");
  line.option("log-level", "LEVEL", "error, warning or debug");
  line.flag("debug", "log system calls and what is done about them");
  line.flag("systemd-cgroup", "cgroupsPath is slice:prefix:name", 's');
  line.option("cgroup-manager", "NAME", "cgroupfs (default), systemd or disabled");
  line.option("rootless", "WHEN", "true, false or auto (default): whether to act as an ordinary user's runtime");
  line.flag("version", "show the version", 'v');
  return line.stop_at_first_word().words(0, SIZE_MAX);
}

std::string command_list() {
  std::string text = "\nCommands:\n";
  for (const Command& command : kCommands) {
    std::string row = std::string("  ") + command.name;
    row.resize(16, ' ');
    text += row + command.summary + "\n";
  }
  return text;
}

Status open_log(const Arguments& options) {
  const std::string format = options.value("log-format").value_or("text");
  if (format != "text" && format != "json") return Error("invalid log-format: " + format);
  const std::string level = options.value("log-level").value_or("error");
  if (level != "error" && level != "warning" && level != "debug") return Error("invalid log-level: " + level);
  const std::string path = options.value("log").value_or("");
  const bool debug = options.has("debug") || level == "debug";
  LITEBOX_TRY(log::open(path, format == "json" ? log::Format::json : log::Format::text, debug));
  set_log_is_file(!path.empty());
  return {};
}

Status fill_globals(const Arguments& options, Globals& globals) {
  auto rootless = runtime::Rootless::automatic;
  if (const auto when = options.value("rootless")) {
    if (*when == "true") rootless = runtime::Rootless::yes;
    if (*when == "false") rootless = runtime::Rootless::no;
    if (*when != "true" && *when != "false" && *when != "auto") return Error("invalid --rootless: " + *when);
  }
  const std::string manager = options.value("cgroup-manager").value_or("cgroupfs");
  if (manager != "cgroupfs" && manager != "systemd" && manager != "disabled")
    return Error("invalid --cgroup-manager: " + manager);
  globals.systemd_cgroup = options.has("systemd-cgroup") || manager == "systemd";
  globals.cgroups_disabled = manager == "disabled";
  globals.debug = log::debugging();
  const auto environment = runtime::RootEnvironment::of_this_process();
  LITEBOX_ASSIGN(globals.root, runtime::choose_root(options.value("root"), rootless, environment));
  return {};
}

int run_command(const Command& command, Globals& globals, const std::vector<std::string>& arguments) {
  auto code = command.run(globals, arguments);
  if (code.ok()) return *code;
  report(code.error());
  return command.failure_code;
}

int main_with(const std::vector<std::string>& arguments) {
  Globals globals;
  globals.inherited = runtime::InheritedDescriptors::take();
  CommandLine line = global_command_line();
  const auto options = line.parse(arguments);
  if (!options) {
    if (line.exit_code() == 0) std::cout << command_list();
    return line.exit_code();
  }
  if (const Status opened = open_log(*options); !opened.ok()) {
    report(opened.error());
    return 1;
  }
  if (options->has("version")) {
    std::cout << version_text();
    return 0;
  }
  const std::vector<std::string>& words = options->words();
  if (words.empty() || words.front() == "help") {
    std::cout << line.help() << command_list();
    return words.empty() ? 1 : 0;
  }
  const auto command =
      std::find_if(kCommands.begin(), kCommands.end(), [&](const Command& c) { return words.front() == c.name; });
  if (command == kCommands.end()) {
    std::cout << line.help() << command_list() << std::flush;
    report(Error("no such command: " + words.front()));
    return 1;
  }
  if (const Status filled = fill_globals(*options, globals); !filled.ok()) {
    report(filled.error());
    return command->failure_code;
  }
  return run_command(*command, globals, {words.begin() + 1, words.end()});
}

}  // namespace
}  // namespace litebox::command

int main(int argc, char** argv) {
  // conmon starts its runtime with SIGPIPE ignored; a program that is run must not inherit that.
  (void)std::signal(SIGPIPE, SIG_DFL);
  try {
    return litebox::command::main_with({argv + std::min(argc, 1), argv + argc});
  } catch (const std::exception& failure) {
    litebox::command::report(litebox::Error(failure.what()));
    return 1;
  }
}
