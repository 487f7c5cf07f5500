#include "runtime/control_files.h"

#include <fcntl.h>

#include <charconv>
#include <sstream>

#include "runtime/files.h"

namespace litebox::runtime {

std::string ControlFiles::text(const std::string& file) const {
  for (const std::string& directory : directories_) {
    if (auto content = read_file(AT_FDCWD, directory + "/" + file); content.ok()) return *content;
  }
  return {};
}

uint64_t ControlFiles::number(const std::string& file) const {
  const std::string content = text(file);
  if (content.rfind("max", 0) == 0) return UINT64_MAX;
  uint64_t value = 0;
  (void)std::from_chars(content.data(), content.data() + content.size(), value);
  return value;
}

std::map<std::string, uint64_t> ControlFiles::table(const std::string& file) const {
  std::map<std::string, uint64_t> values;
  std::istringstream words(text(file));
  std::string name;
  uint64_t value = 0;
  while (words >> name >> value) values[name] = value;
  return values;
}

}  // namespace litebox::runtime
