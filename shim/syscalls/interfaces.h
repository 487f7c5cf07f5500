// Network interface requests of a container without a network of its own.
#pragma once

#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// Answers SIOCGIF* (netdevice(7)) as a host does whose only interface is a loopback: down, or with the container's own
// addresses.
Reply loopback_interface_request(const Call& call, unsigned request);

}  // namespace litebox::syscalls
