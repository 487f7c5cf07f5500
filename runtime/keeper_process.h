// What the keeper process does; runtime/keeper.h is how a command starts one.
#pragma once

#include <vector>

#include "base/fd.h"
#include "runtime/keeper.h"

namespace litebox::runtime {

// Messages between the command and its keeper.
namespace keeper_channel {
constexpr const char* kMonitor = "monitor ";  // keeper: "monitor <pid>"; anything else is an error text
constexpr const char* kCommit = "commit";     // command: the container stays when the command ends
}  // namespace keeper_channel

// What the command leaves to its keeper.
struct KeeperDescriptors {
  Fd channel;
  Fd gate;   // the monitor's
  Fd ready;  // the monitor's
};

// In the forked child: never returns.
[[noreturn]] void run_keeper(KeeperSetup& setup, const MonitorMain& monitor_main, KeeperDescriptors descriptors);

// Closes every descriptor but these (-1 counts for nothing) and 0, 1, 2. The numbers are closed whoever owns them.
void close_all_but(std::vector<int> kept);

// Puts /dev/null in place of 0, 1 and 2.
void release_standard_io();

}  // namespace litebox::runtime
