// Paths of locations: within a mount, within the tree.
#pragma once

#include <optional>
#include <string>

#include "rootfs/tree.h"

namespace litebox::rootfs {

// What is left of `path` below `root`, "" or "/a/b"; nothing when it is not below it.
std::optional<std::string> below(const std::string& root, const std::string& path);

// Whether a node is still in the part of its file system that the mount shows (fs/namei.c, path_connected): a directory may
// be moved out of a bind mount while someone is in it.
bool connected(const Mount& mount, Node& node);

// The path of a location from `root`; nothing when it is not below it. With no `root` (null mount): from the root of the
// outermost mount that it hangs on.
std::optional<std::string> path_below(const Location& root, const Location& location);

// Whether two locations are the same place.
bool same_place(const Location& one, const Location& other);

}  // namespace litebox::rootfs
