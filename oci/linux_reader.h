// Reads config.json's "linux" out of a JSON tree.
#pragma once

#include "oci/json_value.h"
#include "oci/linux.h"

namespace litebox::oci {

Linux read_linux(const Value& value);

// Also for the mappings of a mount.
std::vector<IdMapping> read_id_mappings(const Value& value);

}  // namespace litebox::oci
