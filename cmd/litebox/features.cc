// features: what this runtime supports.
#include "oci/features.h"

#include <iostream>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"

namespace litebox::command {

Result<int> features(Globals& /*globals*/, const std::vector<std::string>& arguments) {
  CommandLine line("features", "", "Shows what this runtime supports, as JSON.");
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  std::cout << oci::features_to_json() << "\n";
  return 0;
}

}  // namespace litebox::command
