// syscalls: the system call table.
#include <iostream>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "shim/table/print.h"

namespace litebox::command {

Result<int> syscalls(Globals& /*globals*/, const std::vector<std::string>& arguments) {
  CommandLine line("syscalls", "", "Shows how each system call is answered.");
  line.option("format", "FORMAT", "table (default), json or markdown", 'f');
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  LITEBOX_ASSIGN(const table::Format format, table::parse_format(options->value("format").value_or("table")));
  std::cout << table::print(format);
  return 0;
}

}  // namespace litebox::command
