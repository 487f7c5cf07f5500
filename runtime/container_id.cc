#include "runtime/container_id.h"

#include <climits>
#include <string>

namespace litebox::runtime {

Status validate_id(std::string_view id) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
  if (id.empty()) return Error("container ID cannot be empty");
  if (id.size() > NAME_MAX) return Error("container ID is longer than " + std::to_string(NAME_MAX) + " characters");
  if (id == "." || id == ".." || id.find_first_not_of(allowed) != std::string_view::npos) {
    return Error("invalid container ID format: \"" + std::string(id) + "\"");
  }
  return {};
}

}  // namespace litebox::runtime
