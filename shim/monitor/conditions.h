// A container's mode as the table of system calls knows it.
#pragma once

#include "shim/kernel/world.h"
#include "shim/table/table.h"

namespace litebox::monitor {

inline table::Conditions conditions_of(const kernel::Mode& mode) {
  table::Conditions conditions;
  conditions.translated_ids = mode.recorded_ownership || mode.mapped_ids;
  conditions.own_network = mode.own_network;
  conditions.host_network = mode.host_network;
  conditions.own_loopback = mode.own_loopback;
  conditions.confined_root = mode.confined_root;
  conditions.signal_scope = mode.signal_scope;
  conditions.confined_tree = mode.confined_tree;
  return conditions;
}

}  // namespace litebox::monitor
