// The statistics of a container's cgroups as containerd's clients read them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::containerd {

struct Metrics {
  std::string type;   // "io.containerd.cgroups.v1.Metrics" or v2
  std::string value;  // the serialized message
};

// ENOENT without cgroups.
Result<Metrics> read_metrics(const std::vector<std::string>& cgroups);

}  // namespace litebox::containerd
