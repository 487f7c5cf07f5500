// Makes a container process out of an OCI Process: init, and what `litebox exec` runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor_limit.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "oci/process.h"
#include "shim/kernel/world.h"
#include "shim/monitor/exec_service.h"
#include "shim/monitor/forker.h"
#include "shim/monitor/notification_loop.h"

namespace litebox::monitor {

struct LaunchRequest {
  const oci::Process* process = nullptr;
  int standard_io[3] = {-1, -1, -1};
  std::vector<int> preserved;
  bool init = false;
  std::optional<std::vector<std::string>> cgroups;  // directories to join in place of the launcher's
};

// A process that is a member and has its descriptors, session and limits, but has not executed its program yet.
struct Launched {
  HostPid process;
  Fd pidfd;
  Fd gate;  // forker.h
};

class Launcher {
 public:
  Launcher(kernel::World& world, Forker& forker, ExecService& execs, NotificationLoop& loop, std::vector<std::string> cgroups)
      : world_(world), forker_(forker), execs_(execs), loop_(loop), cgroups_(std::move(cgroups)) {}

  // Finds the program, forks, and sets the process up. Errors are worded as callers match them: `exec: "x": executable file
  // not found in $PATH`, `exec: "/x": stat /x: no such file or directory`, `exec: "/x": permission denied`.
  // `executed` is called from another thread once the program has been executed for certain.
  Result<Launched> prepare(const LaunchRequest& request, std::function<void()> executed);

  // Lets a prepared process execute its program.
  static Status release(const Launched& launched);

 private:
  kernel::World& world_;
  Forker& forker_;
  ExecService& execs_;
  NotificationLoop& loop_;
  std::vector<std::string> cgroups_;                          // directories that each process joins
  const rlimit descriptor_limit_ = raise_descriptor_limit();  // a process's own, unless config.json says another
};

}  // namespace litebox::monitor
