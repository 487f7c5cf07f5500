// install and uninstall: litebox registered with the engines of this host.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "cmd/litebox/registration.h"

namespace litebox::command {
namespace {

CommandLine command_line(const std::string& name, const std::string& summary) {
  CommandLine line(name, "[docker] [podman] [containerd]", summary + " Without a name: all that are here.");
  line.flag("dry-run", "show what would be changed, and change nothing", 'n');
  line.option("program", "FILE", "the litebox that engines are to call (default: this one)");
  line.option("prefix", "DIR", "the directory below which the configuration is (default: /)");
  line.words(0, 3);
  return line;
}

Result<RegistrationPaths> paths_of(const Arguments& options) {
  RegistrationPaths paths;
  paths.root = options.value("prefix").value_or("");
  while (!paths.root.empty() && paths.root.back() == '/') paths.root.pop_back();
  std::error_code failure;
  if (const auto program = options.value("program")) {
    paths.program = std::filesystem::absolute(*program, failure).lexically_normal().string();
  } else {
    paths.program = std::filesystem::read_symlink("/proc/self/exe", failure).string();
  }
  if (failure) return Error(failure.value(), "path of the program");
  return paths;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

// What differs, as the lines between the first and the last difference: "-" before, "+" after.
void show(const FileChange& change) {
  const std::vector<std::string> before = lines_of(change.before);
  const std::vector<std::string> after = lines_of(change.after);
  const auto [first, first_after] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  const auto [last, last_after] = std::mismatch(before.rbegin(), std::make_reverse_iterator(first), after.rbegin(),
                                                std::make_reverse_iterator(first_after));
  const auto print = [](char mark, auto begin, auto end) {
    for (; begin != end; ++begin) std::cout << mark << *begin << (begin->back() == '\n' ? "" : "\n");
  };
  print('-', first, last.base());
  print('+', first_after, last_after.base());
}

Result<int> change_all(const Arguments& options, Result<FileChange> (*plan)(const RegistrationPaths&, const std::string&),
                       Status (*apply)(const FileChange&)) {
  LITEBOX_ASSIGN(const RegistrationPaths paths, paths_of(options));
  std::vector<std::string> names = options.words();
  if (names.empty()) names = present_engines(paths);
  if (names.empty()) return Error("neither docker nor podman nor containerd is here");
  // All are planned before one is changed.
  std::vector<FileChange> changes;
  for (const std::string& name : names) {
    LITEBOX_ASSIGN(FileChange change, plan(paths, name));
    changes.push_back(std::move(change));
  }
  for (const FileChange& change : changes) {
    if (!change.changes()) {
      std::cout << change.engine << ": " << change.path << " needs no change\n";
      continue;
    }
    std::cout << change.engine << ": " << change.path
              << (options.has("dry-run") ? " would be changed:\n" : " changed; the engine has to be restarted:\n");
    show(change);
    if (!options.has("dry-run")) LITEBOX_TRY(apply(change));
  }
  return 0;
}

}  // namespace

Result<int> install(Globals& /*globals*/, const std::vector<std::string>& arguments) {
  CommandLine line = command_line("install", "Registers litebox as a runtime of docker, podman and containerd.");
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  return change_all(*options, plan_install, apply_install);
}

Result<int> uninstall(Globals& /*globals*/, const std::vector<std::string>& arguments) {
  CommandLine line = command_line("uninstall", "Takes litebox out of the configuration of docker, podman and containerd.");
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  return change_all(*options, plan_uninstall, apply_uninstall);
}

}  // namespace litebox::command
