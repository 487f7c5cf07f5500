// What --version prints; docker and podman read its lines.
#pragma once

#include <string>

namespace litebox::command {

std::string version_text();

}  // namespace litebox::command
