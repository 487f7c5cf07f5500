// The keeper: the process whose pid stands in the pid file. It makes the network, forks the monitor, forwards signals, reaps
// orphans, kills everything when the monitor dies, and ends as the container's init has ended.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/network.h"
#include "runtime/process_identity.h"
#include "shim/monitor/container.h"

namespace litebox::runtime {

// monitor::run_container, or a test's.
using MonitorMain = std::function<int(monitor::ContainerSetup)>;

struct KeeperSetup {
  monitor::ContainerSetup container;  // `ready` and `exit_status` are the keeper's to fill
  NetworkPlan network;
  NetworkSettings network_settings;
  std::vector<std::string> monitor_cgroups;  // directories; the keeper itself enters the container's
};

// The command's end of a keeper that is being set up. The keeper gives up, with all that it has made, when this goes away
// before commit().
class Keeper {
 public:
  // Forks the keeper, which enters the network and forks the monitor, which waits for release().
  // `setup` stays with the caller unchanged.
  static Result<Keeper> spawn(KeeperSetup& setup, const MonitorMain& monitor_main);

  const ProcessIdentity& keeper() const { return keeper_; }
  const ProcessIdentity& monitor() const { return monitor_; }

  // Lets the monitor begin.
  Status release();
  // Waits until the container is created, and returns the pid of its first process; its error otherwise. `interrupt`: a
  // descriptor that, once readable, ends the wait with EINTR; -1 for none.
  Result<pid_t> wait_until_ready(int interrupt);
  // The container is to outlive the command.
  Status commit();
  // Gives up: returns when the keeper and everything below it has ended.
  void abandon();

 private:
  Keeper() = default;

  ProcessIdentity keeper_;
  ProcessIdentity monitor_;
  Fd channel_;
  Fd gate_;  // a byte on it lets the monitor begin, its end ends it
  Fd ready_;
};

// Kills every descendant of the calling process (a subreaper), those that are forked meanwhile too, and reaps them. Returns
// when none is left.
void kill_descendants();

}  // namespace litebox::runtime
