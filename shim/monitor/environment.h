// The environment of a container's process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace litebox::monitor {

// `variables` as "NAME=value", each name once: in the place where it first stood, with the value that came last, as runc has
// it.
std::vector<std::string> merge_environment(const std::vector<std::string>& variables);

// The value of `name`, or null.
const char* find_variable(const std::vector<std::string>& variables, std::string_view name);

// The home directory of `uid` in the text of an /etc/passwd, "/" when there is none.
std::string home_of(std::string_view passwd, uint32_t uid);

}  // namespace litebox::monitor
