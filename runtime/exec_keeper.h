// The exec keeper: what `exec --detach` leaves behind. Callers find its pid in the pid file, signal it, and wait for it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/exec_connection.h"

namespace litebox::runtime {

class ExecKeeper {
 public:
  // Returns when the process runs. The keeper kills it and ends when this goes away before commit().
  static Result<ExecKeeper> spawn(const std::string& state_directory, const ExecOrder& order);

  pid_t pid() const { return pid_; }
  // The host pid of the process itself.
  pid_t process() const { return process_; }
  // The process is to outlive the command.
  Status commit();

 private:
  ExecKeeper(pid_t pid, Fd channel) : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  pid_t process_ = 0;
  Fd channel_;
};

}  // namespace litebox::runtime
