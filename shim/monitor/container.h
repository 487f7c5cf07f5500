// One container's monitor process: everything between "the keeper has forked it" and "init has ended".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/config.h"

namespace litebox::monitor {

constexpr const char* kCreated = "ok ";  // "ok <pid of init>\n"

struct ContainerSetup {
  std::string id;
  oci::Config config;                // parsed and validated
  std::string bundle;                // absolute
  std::string state_directory;       // <root>/<id>, 0700; control.sock and scratch/ are made in it
  Fd standard_io[3];                 // the container's 0, 1, 2
  std::vector<Fd> preserved;         // reach the program as 3, 4, ...
  Fd terminal;                       // the slave end when process.terminal, else none
  Fd ready;                          // written once: kCreated when control.sock listens and init waits, else an error line
  Fd exit_status;                    // the wait status of init, 4 bytes, once, when it has ended and no guest is left
  std::vector<std::string> cgroups;  // directories that init joins before it runs
  std::map<std::string, std::string> cgroup_of_controllers;  // the same as the container sees them: rootfs/view.h
  std::string joined_uts;            // state directory of the container whose host name it has; empty: one of its own
  std::string joined_pid;            // state directory of the container whose processes it sees
  bool owns_abstract_names = false;  // has left the host's network, to which abstract AF_UNIX names belong
  bool debug = false;                // trace system calls to the log
};

// Runs the monitor in the calling process, single-threaded until now, and returns its exit code when the container has
// ended. Blocks. Errors before "created" go to `ready`.
int run_container(ContainerSetup setup);

}  // namespace litebox::monitor
