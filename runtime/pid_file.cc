#include "runtime/pid_file.h"

#include <fcntl.h>

#include "runtime/files.h"

namespace litebox::runtime {

Status write_pid_file(const std::string& path, pid_t pid) {
  Status written = replace_file(AT_FDCWD, path, std::to_string(pid), 0644);
  if (!written.ok()) return std::move(written).error().within("pid file");
  return {};
}

}  // namespace litebox::runtime
