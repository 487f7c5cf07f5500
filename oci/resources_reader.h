// Reads the resource limits out of a JSON tree.
#pragma once

#include "oci/json_value.h"
#include "oci/resources.h"

namespace litebox::oci {

Resources read_resources(const Value& value);

// Linux device numbers have 12 and 20 bits (kernel: MINORBITS).
constexpr int64_t kLargestMajor = (1 << 12) - 1;
constexpr int64_t kLargestMinor = (1 << 20) - 1;

// A name that dev_valid_name() of the kernel accepts.
bool is_interface_name(std::string_view name);

}  // namespace litebox::oci
