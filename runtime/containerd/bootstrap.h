// What `start` has to work out before there is a shim: its parameters, which containers share one, and where it listens.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/containerd/shim_arguments.h"
#include "runtime/containerd/task_options.h"

namespace litebox::containerd {

struct BootstrapInput {
  TaskOptions options;
  std::string socket_directory = "/run/containerd/s";
  std::string event_address;  // containerd's ttrpc socket; empty: take it from the environment
};

// `input` is the standard input of `start`: BootstrapParams since containerd 2.3, before that an Any with the task options, or
// nothing.
Result<BootstrapInput> read_bootstrap_input(std::string_view input, const ShimArguments& arguments);

// The name that all containers of one shim have in common: of the pod, by the annotations of config.json, or the id.
std::string shim_group(std::string_view config_json, const std::string& id);

struct SocketAddress {
  std::string directory;
  std::string name;
  std::string text() const { return "unix://" + directory + "/" + name; }
};

SocketAddress socket_address(const BootstrapInput& input, const ShimArguments& arguments, const std::string& group);

}  // namespace litebox::containerd
