// Reads a seccomp profile out of a JSON tree.
#pragma once

#include "oci/json_value.h"
#include "oci/seccomp.h"

namespace litebox::oci {

Seccomp read_seccomp(const Value& value);

}  // namespace litebox::oci
