// /proc/<pid>/status of the host: what the kernel tells of a process or thread nowhere else (proc_pid_status(5)).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

class ProcessStatus {
 public:
  explicit ProcessStatus(std::string text) : text_(std::move(text)) {}
  // ESRCH when the thread has ended and has been waited for.
  static Result<ProcessStatus> of(HostPid thread);

  // The first number of a line, which is named without its colon; EIO when there is none.
  Result<uint64_t> number(std::string_view name, int base = 10) const;
  // The letter of the line "State" (R, S, D, T, t, Z, X), or 0.
  char state() const;

 private:
  std::string_view value_of(std::string_view name) const;

  std::string text_;
};

}  // namespace litebox::kernel
