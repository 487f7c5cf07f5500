#include "shim/monitor/environment.h"

#include <sstream>
#include <unordered_map>

namespace litebox::monitor {

std::vector<std::string> merge_environment(const std::vector<std::string>& variables) {
  std::vector<std::string> merged;
  std::unordered_map<std::string, size_t> places;
  for (const std::string& variable : variables) {
    const auto [place, added] = places.emplace(variable.substr(0, variable.find('=')), merged.size());
    if (added) {
      merged.push_back(variable);
    } else {
      merged[place->second] = variable;
    }
  }
  return merged;
}

const char* find_variable(const std::vector<std::string>& variables, std::string_view name) {
  for (const std::string& variable : variables) {
    if (variable.size() > name.size() && variable[name.size()] == '=' && variable.starts_with(name)) {
      return variable.c_str() + name.size() + 1;
    }
  }
  return nullptr;
}

std::string home_of(std::string_view passwd, uint32_t uid) {
  std::istringstream lines{std::string(passwd)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::vector<std::string> parts;
    for (std::string part; std::getline(fields, part, ':');) parts.push_back(part);
    if (parts.size() >= 6 && parts[2] == std::to_string(uid) && !parts[5].empty()) return parts[5];
  }
  return "/";
}

}  // namespace litebox::monitor
