// Reads a Process object out of a JSON tree.
#pragma once

#include "oci/json_value.h"
#include "oci/process.h"

namespace litebox::oci {

Process read_process(const Value& value);

}  // namespace litebox::oci
