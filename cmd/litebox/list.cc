// list: every container below the root.
#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "oci/state.h"
#include "runtime/status.h"

namespace litebox::command {
namespace {

Result<std::vector<oci::State>> all_containers(const Globals& globals) {
  auto ids = runtime::StateDirectory::list(globals.root.path);
  if (!ids.ok()) {
    if (ids.error().number() == ENOENT && !globals.root.chosen_by_user) return std::vector<oci::State>();
    return std::move(ids).error();
  }
  std::vector<oci::State> containers;
  for (const std::string& id : *ids) {
    const auto directory = runtime::StateDirectory::open(globals.root.path, id);
    if (!directory.ok()) continue;  // deleted meanwhile
    auto container = runtime::read_state(*directory);
    if (container.ok()) containers.push_back(std::move(container).value());
  }
  return containers;
}

// Columns at least 12 wide, with 3 blanks between them.
void print_table(const std::vector<oci::State>& containers) {
  constexpr size_t columns = 6;
  std::vector<std::array<std::string, columns>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const oci::State& container : containers) {
    rows.push_back({container.id, std::to_string(container.pid), std::string(oci::status_name(container.status)),
                    container.bundle, container.created, container.owner});
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
  LITEBOX_ASSIGN(const auto containers, all_containers(globals));
  if (options->has("quiet")) {
    for (const oci::State& container : containers) std::cout << container.id << "\n";
  } else if (format == "json") {
    std::cout << oci::states_to_json(containers);
  } else {
    print_table(containers);
  }
  return 0;
}

}  // namespace litebox::command
