// Entries of config.json's "mounts", for what builds trees.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "oci/config.h"

namespace litebox::rootfs {

inline oci::Mount entry(const std::string& destination, const std::string& type, const std::string& source,
                        std::vector<std::string> options) {
  oci::Mount mount;
  mount.destination = destination;
  mount.type = type;
  mount.source = source;
  mount.options = std::move(options);
  return mount;
}

}  // namespace litebox::rootfs
