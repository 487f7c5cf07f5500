// events --stats: one line of statistics out of the container's cgroups.
#include <iostream>
#include <thread>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/statistics.h"

namespace litebox::command {
namespace {

// "5s", "500ms", "1m", "2" (seconds).
Result<std::chrono::milliseconds> parse_interval(const std::string& text) {
  size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (const std::exception&) {
    return Error("invalid interval \"" + text + "\"");
  }
  const std::string unit = text.substr(end);
  double milliseconds = 0;
  if (unit == "ms") milliseconds = number;
  if (unit.empty() || unit == "s") milliseconds = number * 1000;
  if (unit == "m") milliseconds = number * 60000;
  if (!(milliseconds >= 1 && milliseconds < 1e9)) return Error("invalid interval \"" + text + "\"");
  return std::chrono::milliseconds(static_cast<int64_t>(milliseconds));
}

}  // namespace

Result<int> events(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("events", "CONTAINER", "Shows statistics of a container, one line of JSON each time.");
  line.flag("stats", "once, then end");
  line.option("interval", "DURATION", "time between two lines (default: 5s)");
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_ASSIGN(const auto interval, parse_interval(options->value("interval").value_or("5s")));
  while (true) {
    const auto text = runtime::statistics_event(globals.root.path, options->words()[0]);
    if (!text.ok()) return text.error();
    std::cout << *text << std::endl;
    if (options->has("stats")) return 0;
    std::this_thread::sleep_for(interval);
  }
}

}  // namespace litebox::command
