// The command line of a shim, as containerd writes it: Go's flags, with one dash or two.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::containerd {

struct ShimArguments {
  std::string namespace_name;
  std::string id;
  std::string address;  // of containerd
  std::string publish_binary;
  std::string bundle;
  std::string socket;
  bool debug = false;
  bool version = false;
  bool info = false;
  std::string action;  // "start", "delete", or empty: to serve
};

Result<ShimArguments> parse_shim_arguments(const std::vector<std::string>& arguments);

}  // namespace litebox::containerd
