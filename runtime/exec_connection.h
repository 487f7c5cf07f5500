// One process made by exec, through the control socket: begun, signalled, waited for.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/process.h"
#include "runtime/control_client.h"

namespace litebox::runtime {

// What the monitor is to execute.
struct ExecOrder {
  const oci::Process& process;
  std::vector<int> descriptors;      // standard input, output, error, and those that become 3 and up; borrowed
  std::vector<std::string> cgroups;  // directories that the process joins
};

class ExecConnection {
 public:
  // The error is the monitor's: why the program cannot be executed.
  static Result<ExecConnection> begin(const std::string& state_directory, const ExecOrder& order, bool detach);

  pid_t pid() const { return pid_; }
  // Readable when the process, or the monitor, has ended.
  int descriptor() const { return client_.descriptor(); }
  // To be called then: the wait status; of SIGKILL when the monitor has ended, as everything in its container has.
  int take_status();
  // Sends a signal to the process, if it still exists.
  void signal(int number);

 private:
  ExecConnection(std::string state_directory, ControlClient client, pid_t pid)
      : state_directory_(std::move(state_directory)), client_(std::move(client)), pid_(pid) {}

  std::string state_directory_;
  ControlClient client_;
  pid_t pid_;
};

}  // namespace litebox::runtime
