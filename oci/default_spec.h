// The config.json that `litebox spec` writes for a person to start from.
#pragma once

#include <sys/types.h>

#include <string>

namespace litebox::oci {

struct DefaultSpecOptions {
  bool rootless = false;  // for a user without privilege: own id as root inside, the host's network
  uid_t uid = 0;          // the caller's own ids, for `rootless`
  gid_t gid = 0;
};

// The document, indented by one tab a level, no newline at the end. parse_config() accepts it.
std::string default_spec(const DefaultSpecOptions& options);

}  // namespace litebox::oci
