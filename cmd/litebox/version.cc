#include "cmd/litebox/version.h"

namespace litebox::command {

std::string version_text() { return "litebox version " LITEBOX_VERSION "\nspec: 1.3.0\n"; }

}  // namespace litebox::command
