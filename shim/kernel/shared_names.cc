#include "shim/kernel/shared_names.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

namespace litebox::kernel {

Result<SharedNames> SharedNames::create(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), 2 * kNameSize) != 0) return last_error("make " + path);
  return SharedNames(std::move(file));
}

Result<SharedNames> SharedNames::open(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return last_error("open " + path);
  return SharedNames(std::move(file));
}

// One call for a whole name: the kernel's lock on the file keeps a reader from seeing half of a change.
std::string SharedNames::read(off_t offset) const {
  char name[kNameSize] = {};
  if (::pread(file_.get(), name, sizeof name - 1, offset) < 0) return {};
  return name;
}

void SharedNames::write(off_t offset, const std::string& name) {
  char text[kNameSize] = {};
  std::copy_n(name.data(), std::min(name.size(), sizeof text - 1), text);
  (void)!::pwrite(file_.get(), text, sizeof text, offset);
}

}  // namespace litebox::kernel
