// /sys/class/net and /sys/devices/virtual/net: the interfaces of the network that litebox's own process is in, which is the
// container's; of the host's, where the container has but a loopback of its own, that one.
#pragma once

#include "rootfs/synthetic.h"

namespace litebox::rootfs {

enum class InterfaceEntries {
  directories,  // of attributes, as below /sys/devices/virtual/net
  links,        // to those directories, as in /sys/class/net
};

enum class Interfaces { all, loopback };

NodePtr make_interface_directory(SyntheticAttributes attributes, InterfaceEntries entries, Interfaces which);

}  // namespace litebox::rootfs
