// list: every container below the root.
#include <array>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "runtime/state_report.h"

namespace litebox::command {
namespace {

using runtime::StateReport;

Result<std::vector<StateReport>> all_containers(const Globals& globals) {
  auto ids = runtime::StateDirectory::list(globals.root.path);
  if (!ids.ok()) {
    if (ids.error().number() == ENOENT && !globals.root.chosen_by_user) return std::vector<StateReport>();
    return std::move(ids).error();
  }
  std::vector<StateReport> reports;
  for (const std::string& id : *ids) {
    const auto directory = runtime::StateDirectory::open(globals.root.path, id);
    if (!directory.ok()) continue;  // deleted meanwhile
    auto report = runtime::report_state(*directory);
    if (report.ok()) reports.push_back(std::move(report).value());
  }
  return reports;
}

// Columns at least 12 wide, with 3 blanks between them.
void print_table(const std::vector<StateReport>& reports) {
  constexpr size_t columns = 6;
  std::vector<std::array<std::string, columns>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const StateReport& report : reports) {
    rows.push_back({report.id, std::to_string(report.pid), report.status, report.bundle, report.created, report.owner});
  }
  std::array<size_t, columns> widths{};
  for (const auto& row : rows) {
    for (size_t i = 0; i < columns; ++i) widths[i] = std::max({widths[i], row[i].size() + 3, size_t{12}});
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < columns; ++i) std::cout << std::left << std::setw(static_cast<int>(widths[i])) << row[i];
    std::cout << row[columns - 1] << "\n";
  }
}

}  // namespace

Result<int> list(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("list", "", "Lists containers.");
  line.option("format", "FORMAT", "table (default) or json", 'f').flag("quiet", "ids only", 'q');
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  const std::string format = options->value("format").value_or("table");
  if (format != "table" && format != "json") return Error("invalid format option");
  LITEBOX_ASSIGN(const auto reports, all_containers(globals));
  if (options->has("quiet")) {
    for (const StateReport& report : reports) std::cout << report.id << "\n";
  } else if (format == "json") {
    nlohmann::ordered_json array;  // null when there is none, as callers of runc expect
    for (const StateReport& report : reports) array.push_back(runtime::report_to_json(report));
    std::cout << array.dump();
  } else {
    print_table(reports);
  }
  return 0;
}

}  // namespace litebox::command
