// The network of a container: the host's, none, a namespace that the engine has made, or an empty one made for the engine to
// configure. The only kind of namespace that litebox ever makes or joins.
#pragma once

#include <map>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "oci/linux.h"

namespace litebox::runtime {

enum class NetworkMode {
  host,    // config.json has no network namespace
  none,    // a new one is asked for, without the privilege to make it
  own,     // a new one, lo up
  joined,  // an existing one
};

struct NetworkPlan {
  NetworkMode mode = NetworkMode::host;
  Fd namespace_file;  // of `joined`
};

// CAP_SYS_ADMIN, in this process's user namespace.
bool may_make_namespaces();

// Opens what is to be joined. An error when joining is not permitted, or the path is no network namespace.
Result<NetworkPlan> plan_network(const oci::Linux& config, bool privileged);

// Whether the network is another one than the calling process's.
bool leads_elsewhere(const NetworkPlan& plan);

// Moves the calling process, and what it forks from then on, into the network.
Status enter_network(const NetworkPlan& plan);

// The sysctls of config.json that belong to a network: by their path below /proc/sys.
using NetworkSettings = std::map<std::string, std::string>;
NetworkSettings network_settings(const oci::Linux& config);

// Applies them to the network that the calling process has entered. Without one of its own there is nothing to apply them to.
Status apply_network_settings(const NetworkPlan& plan, const NetworkSettings& settings);

}  // namespace litebox::runtime
