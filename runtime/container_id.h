// Container ids: what the command line takes, and a directory name of the state directory.
#pragma once

#include <string_view>

#include "base/result.h"

namespace litebox::runtime {

// Letters, digits and "_+-." only, not "." or "..", 1 to 255 characters (runc: libcontainer validateID).
Status validate_id(std::string_view id);

}  // namespace litebox::runtime
