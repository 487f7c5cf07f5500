// The container's limits of System V IPC (proc_sys_kernel(5)): those of a new IPC namespace, or what config.json's
// linux.sysctl says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"

namespace litebox::kernel {

struct IpcLimits {
  // kernel.msgmax, msgmnb: bytes of a message, of a queue; kernel.msgmni: queues.
  size_t message_bytes = 8192;
  size_t queue_bytes = 16384;
  size_t queues = 32000;
  // kernel.sem: semaphores of a set, of all sets, operations of a call, sets.
  size_t set_semaphores = 32000;
  size_t semaphores = 1024000000;
  size_t operations = 500;
  size_t sets = 32000;
  // kernel.shmmax: bytes of a segment; kernel.shmall: pages of all; kernel.shmmni: segments.
  uint64_t segment_bytes = UINT64_MAX - (1UL << 24U);
  uint64_t pages = UINT64_MAX - (1UL << 24U);
  size_t segments = 4096;
};

// `settings`: by path below /proc/sys. Others than those above are left alone; EINVAL for a value of the wrong form.
Result<IpcLimits> read_ipc_limits(const std::map<std::string, std::string>& settings);

// The limits in force; set once, before guests run.
const IpcLimits& ipc_limits();
void set_ipc_limits(const IpcLimits& limits);

}  // namespace litebox::kernel
