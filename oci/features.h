// What `litebox features` prints: the features structure of the runtime specification.
#pragma once

#include <string>

namespace litebox::oci {

// Source: runtime-spec 1.3, features.md and features-linux.md. Lists what check_supported() lets pass and nothing else.
// Indented by four, no newline at the end.
std::string features_to_json();

}  // namespace litebox::oci
