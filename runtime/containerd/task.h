// What the shim knows of its containers and their processes. The rest is in the state directory (runtime/state_directory.h),
// where `litebox` finds it too.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/containerd/oom_watch.h"
#include "runtime/containerd/rpc.h"
#include "runtime/containerd/streams.h"
#include "runtime/containerd/task_options.h"
#include "runtime/containerd/terminal_copy.h"
#include "wire/common.pb.h"

namespace litebox::containerd {

struct ProcessExit {
  uint32_t status = 0;  // the exit code, or 128 + the signal
  wire::Timestamp time;
};

enum class Phase { created, starting, running, stopped };

// A ResizePty that came before there was a terminal.
struct Resize {
  Responder responder;
  uint32_t columns = 0;
  uint32_t rows = 0;
};

// Init, or a process made by Exec. `pid` is the keeper's, the shim's child, and what containerd sees.
struct TaskProcess {
  std::string exec_id;  // empty: init
  Phase phase = Phase::created;
  StreamPaths paths;
  pid_t pid = 0;
  pid_t inner_pid = 0;  // of an exec: the process itself
  pid_t logger = 0;
  std::optional<ProcessExit> exit;         // once it is published
  std::optional<ProcessExit> unpublished;  // came too early: before Start was answered, or before the exits of others
  Fd input_keeper;
  bool input_closed = false;  // by CloseIO, which may come before Start
  std::vector<Fd> output_keepers;
  std::unique_ptr<TerminalCopy> terminal;
  std::vector<Resize> resizes;  // that wait for the end of Start
  std::vector<Responder> waiters;
  std::vector<Responder> removers;  // of an exec: Deletes that wait for the end of its output
  std::string spec;                 // of an exec that has not started: its Process as JSON
};

struct Container {
  std::string id;
  std::string bundle;
  std::string root;  // where its state directory is
  TaskOptions options;
  std::vector<std::string> cgroups;
  TaskProcess init;
  std::map<std::string, TaskProcess> execs;
  std::unique_ptr<OomWatch> oom;
  bool deleting = false;
  bool held = false;  // paused through this shim, and by the monitor

  // Null when there is no such process; the empty exec id is init's.
  TaskProcess* find(const std::string& exec_id) {
    if (exec_id.empty()) return &init;
    const auto found = execs.find(exec_id);
    return found == execs.end() ? nullptr : &found->second;
  }
};

}  // namespace litebox::containerd
