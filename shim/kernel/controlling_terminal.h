// The controlling terminal of a process, as /proc/<pid>/stat shows it: the terminal calls that ask about it answer only the
// processes of its session, so the monitor cannot make them.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

struct JobControl {
  HostPid group;
  HostPid session;
  dev_t terminal = 0;  // 0: the process has none
  HostPid foreground;  // 0: the terminal has no foreground group
};

// Of the text of a stat file (proc_pid_stat(5)); EIO when it is not one.
Result<JobControl> parse_job_control(std::string_view stat);
// ESRCH when the process has ended.
Result<JobControl> job_control_of(HostPid process);

}  // namespace litebox::kernel
