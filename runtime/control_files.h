// The control files of a container's cgroups, read wherever they are: one directory for each v1 controller, or the single v2
// one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace litebox::runtime {

class ControlFiles {
 public:
  // `directories` must outlive this.
  explicit ControlFiles(const std::vector<std::string>& directories) : directories_(directories) {}

  // Empty when no directory has the file.
  std::string text(const std::string& file) const;
  // 0 for what is no number; "max" is the largest one.
  uint64_t number(const std::string& file) const;
  // Of lines "name value".
  std::map<std::string, uint64_t> table(const std::string& file) const;

 private:
  const std::vector<std::string>& directories_;
};

}  // namespace litebox::runtime
