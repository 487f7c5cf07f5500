// The forker: the monitor's one confined thread. Init and every process made by exec are forked from it, so that all guests
// share one filter, one listener and one Landlock domain.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "shim/monitor/confinement.h"

namespace litebox::monitor {

// A process to be forked. Everything is borrowed for the duration of spawn(); argv and envp are NULL-terminated.
struct SpawnRequest {
  int standard_io[3] = {-1, -1, -1};
  std::vector<int> preserved;         // become 3, 4, ...
  bool controlling_terminal = false;  // standard_io[0] becomes the controlling terminal
  bool subreaper = false;             // orphans inside are re-parented to it
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  std::vector<int> cgroups;         // open "tasks" files of cgroup v1, which it enters by itself
  const char* directory = nullptr;  // in the kernel-confined tree: where it begins
  mode_t umask = 022;
  int loader = -1;
};

// A forked process that waits for two bytes on `gate`: the first lets it set itself up (it must be a member by then, since
// some of its calls are notified), the second lets it execute the loader. A set-up that fails sends its errno (4 bytes) back.
struct Spawned {
  HostPid process;
  Fd gate;
};

class Forker {
 public:
  // Starts the thread, gives it what guests inherit from it (`prepare`), and confines it.
  Result<Fd> start(Confinement confinement, std::function<Status()> prepare);

  // Forks a process from the confined thread.
  Result<Spawned> spawn(const SpawnRequest& request);

 private:
  void run(const Confinement& confinement, const std::function<Status()>& prepare);
  void wake_other(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Result<Fd>> listener_;
  const SpawnRequest* request_ = nullptr;
  std::optional<Result<Spawned>> spawned_;
};

}  // namespace litebox::monitor
