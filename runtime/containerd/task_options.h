// The options that a client gives a task: runc's (containerd.runc.v1.Options), or those of containerd's CRI for other runtimes
// (runtimeoptions.v1.Options), whose TOML has the same names.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace litebox::containerd {

constexpr const char* kDefaultRoot = "/run/containerd/litebox";

struct TaskOptions {
  std::string root = kDefaultRoot;  // state directories are in ROOT/NAMESPACE
  std::string shim_cgroup;
  bool systemd_cgroup = false;
  std::optional<uid_t> io_uid;
  std::optional<gid_t> io_gid;
};

// `type` is the type URL of the Any; empty: no options. EINVAL for an unknown type or a message that cannot be read.
Result<TaskOptions> read_task_options(std::string_view type, std::string_view value);

// Lines "Name = value" of TOML: strings, numbers and booleans; names that are not known are ignored, other TOML is EINVAL.
Result<TaskOptions> parse_task_options(std::string_view toml);

}  // namespace litebox::containerd
