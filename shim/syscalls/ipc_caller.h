// A system call as System V IPC sees it.
#pragma once

#include "shim/kernel/sysv_ids.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

inline kernel::IpcCaller ipc_caller(const Call& call) { return {call.credentials(), call.process, call.thread}; }

inline kernel::Blocking blocking(const Call& call) {
  return [&monitor = call.monitor](const std::function<void()>& work) { monitor.while_blocking(work); };
}

// What the caller sees of the process that used an object last, which may have ended long ago: 0 when none has.
inline int visible_pid(const Call& call, HostPid process) { return process == call.world.init() ? 1 : process.value(); }

}  // namespace litebox::syscalls
