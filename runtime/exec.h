// `exec`: one more process in a container.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/process.h"
#include "runtime/console.h"
#include "runtime/exec_keeper.h"

namespace litebox::runtime {

struct ExecRequest {
  std::string id;
  oci::Process process;
  std::vector<Fd> preserved;
  std::optional<std::string> console_socket;
  std::optional<std::string> pid_file;
  std::optional<std::string> pidfd_socket;
  std::vector<std::string> cgroups;  // values of --cgroup (runtime/exec_cgroups.h)
  bool detach = false;
  bool ignore_paused = false;
};

// The process that config.json describes, as the base of an `exec` without --process; no terminal.
Result<oci::Process> configured_process(const std::string& root, const std::string& id);

// Standard input, output and error are the process's. In the foreground: waits, forwards signals, and returns the exit code or
// 128 + the signal. Detached: returns 0 once the process runs; an exec keeper stays, whose pid is the one in the pid file and
// which ends as the process ends. Every error comes before the program ran.
Result<int> exec_in_container(const std::string& root, ExecRequest request);

// A process that runs under a keeper of its own, which gives up unless commit() is called; and its terminal, if it has one.
struct DetachedProcess {
  ExecKeeper keeper;
  std::optional<Console> console;
};

// As a detached exec_in_container(), for a caller that keeps the terminal and tells whoever has to know: no files and sockets
// of the request are used.
Result<DetachedProcess> exec_detached(const std::string& root, const ExecRequest& request);

}  // namespace litebox::runtime
