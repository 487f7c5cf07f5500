// What the shim's children do to make a container or a process in one.
#pragma once

#include <string>
#include <vector>

#include "runtime/containerd/operation.h"
#include "runtime/containerd/rootfs_mounts.h"
#include "runtime/containerd/streams.h"
#include "runtime/containerd/task_options.h"
#include "runtime/keeper.h"

namespace litebox::containerd {

struct CreateWork {
  std::string id;
  std::string namespace_name;
  std::string bundle;
  std::string root;
  TaskOptions options;
  std::vector<MountRequest> mounts;
  StreamPaths paths;
  runtime::MonitorMain monitor_main;
};

struct ExecWork {
  std::string id;
  std::string namespace_name;
  std::string root;
  TaskOptions options;
  std::string spec;  // JSON
  StreamPaths paths;
};

// Both answer a serialized wire::Started with the descriptors that it lists. On a failure nothing is left.
Outcome create_in_child(const CreateWork& work);
Outcome exec_in_child(const ExecWork& work);

// Kills and removes what may be there of a container, and unmounts its rootfs.
Outcome destroy_in_child(const std::string& root, const std::string& id, const std::string& bundle, bool force);

}  // namespace litebox::containerd
