// Making a container: everything between a bundle on the disk and an init that waits for `start`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/config.h"
#include "runtime/console.h"
#include "runtime/keeper.h"
#include "runtime/state_directory.h"
#include "runtime/state_record.h"

namespace litebox::runtime {

struct CreateRequest {
  std::string id;
  std::string bundle;                         // as given
  std::string config_name = "config.json";    // relative to the bundle, or absolute
  std::optional<std::string> console_socket;  // as given
  std::optional<std::string> pid_file;
  std::optional<std::string> pidfd_socket;
  std::vector<Fd> preserved;
  unsigned listen_descriptors = 0;  // how many of `preserved` are LISTEN_FDS
  bool detached = true;             // false: the caller stays and relays the terminal
  bool systemd_cgroup = false;
  bool cgroups_disabled = false;
  bool debug = false;
};

struct CreatedContainer {
  StateDirectory directory;  // locked
  StateRecord record;
  oci::Config config;
  std::optional<Console> console;  // of a foreground run with a terminal
};

// Returns when the container is created and its keeper waits for nobody; other commands may change it when its directory is
// unlocked. On an error nothing is left. SIGHUP, SIGINT, SIGQUIT and SIGTERM are errors too while it lasts (EINTR).
Result<CreatedContainer> create_container(const std::string& root, CreateRequest request, const MonitorMain& monitor_main);

}  // namespace litebox::runtime
