// What guests inherit from the thread that forks them: the personality and the memory policy of config.json.
#pragma once

#include "base/result.h"
#include "oci/linux.h"

namespace litebox::monitor {

// For the calling thread, and what it forks from then on: personality(2), set_mempolicy(2). The filter leaves guests no way to
// change the second. The error names the field.
Status set_thread_inheritance(const oci::Linux& config);

}  // namespace litebox::monitor
