// ps: the processes of a container, by host pid or as ps(1) shows them.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/fd.h"
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/operations.h"

namespace litebox::command {
namespace {

// The output of the host's ps(1).
Result<std::string> run_ps(const std::vector<std::string>& options) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return last_error("pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  std::vector<std::string> words{"ps"};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) return last_error("fork");
  if (child == 0) {
    (void)dup2(writer.get(), STDOUT_FILENO);
    (void)execvp("ps", argv.data());
    _exit(127);
  }
  writer.reset();
  std::string text;
  char buffer[16384];
  ssize_t length = 0;
  while ((length = read(reader.get(), buffer, sizeof buffer)) > 0 || (length < 0 && errno == EINTR)) {
    if (length > 0) text.append(buffer, static_cast<size_t>(length));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (status != 0) return Error("ps failed: its exit status is " + std::to_string(WEXITSTATUS(status)));
  return text;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The heading and the lines whose PID column is one of `pids`.
Status print_table(const std::string& text, const std::vector<pid_t>& pids) {
  std::istringstream lines(text);
  std::string heading;
  std::getline(lines, heading);
  const std::vector<std::string> columns = words_of(heading);
  const auto column = std::find(columns.begin(), columns.end(), "PID");
  if (column == columns.end()) return Error("couldn't find PID field in ps output");
  const auto index = static_cast<size_t>(column - columns.begin());
  std::cout << heading << "\n";
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> words = words_of(line);
    const auto is_pid = [&](pid_t pid) { return index < words.size() && words[index] == std::to_string(pid); };
    if (std::any_of(pids.begin(), pids.end(), is_pid)) std::cout << line << "\n";
  }
  return {};
}

}  // namespace

Result<int> ps(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("ps", "CONTAINER [PS OPTION...]", "Lists the processes of a container.");
  line.option("format", "FORMAT", "table (default) or json", 'f');
  const auto options = line.stop_at_first_word().words(1, SIZE_MAX).parse(arguments);
  if (!options) return line.exit_code();
  const std::string format = options->value("format").value_or("table");
  if (format != "table" && format != "json") return Error("invalid format option");
  LITEBOX_ASSIGN(const auto pids, runtime::container_processes(globals.root.path, options->words()[0]));
  if (format == "json") {
    std::cout << nlohmann::json(pids).dump();
    return 0;
  }
  std::vector<std::string> ps_options(options->words().begin() + 1, options->words().end());
  if (ps_options.empty()) ps_options.emplace_back("-ef");
  LITEBOX_ASSIGN(const std::string text, run_ps(ps_options));
  LITEBOX_TRY(print_table(text, pids));
  return 0;
}

}  // namespace litebox::command
