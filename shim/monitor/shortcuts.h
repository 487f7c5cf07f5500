// What rewritten sites of a container may do before the monitor is asked.
#pragma once

#include <optional>

#include "oci/seccomp.h"
#include "shim/rewrite/site.h"

namespace litebox::monitor {

// Of guests that may make marked calls. The seccomp profile is to judge what a guest asks for, so a site makes no other calls
// in its place that the profile has something against.
rewrite::Shortcuts shortcuts_of(const std::optional<oci::Seccomp>& profile);

// Of guests that ask for every path.
rewrite::Shortcuts without_paths(rewrite::Shortcuts shortcuts);

}  // namespace litebox::monitor
