#include "runtime/root_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "runtime/files.h"

namespace litebox::runtime {
namespace {

bool in_user_namespace() {
  const auto map = read_file(AT_FDCWD, "/proc/self/uid_map");
  unsigned long inside = 0;
  unsigned long outside = 0;
  unsigned long size = 0;
  if (!map.ok() || std::sscanf(map->c_str(), "%lu %lu %lu", &inside, &outside, &size) != 3) return false;
  return inside != 0 || outside != 0 || size != 4294967295UL;
}

// mkdir -p with 0700 for every directory made.
Status make_directories(const std::string& path) {
  for (size_t end = 1; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string prefix = path.substr(0, end);
    if (mkdir(prefix.c_str(), 0700) != 0 && errno != EEXIST) return last_error("mkdir " + prefix);
  }
  return {};
}

}  // namespace

RootEnvironment RootEnvironment::of_this_process() {
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  return {geteuid(), in_user_namespace(), runtime_dir == nullptr ? "" : runtime_dir};
}

Result<RootDirectory> choose_root(const std::optional<std::string>& given, Rootless rootless,
                                  const RootEnvironment& environment) {
  if (given) {
    if (given->empty()) return Error("--root must not be empty");
    std::error_code failure;
    const std::filesystem::path absolute = std::filesystem::absolute(*given, failure).lexically_normal();
    if (failure) return Error(failure.value(), "--root " + *given);
    std::string path = absolute.string();
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path == "/") return Error("--root must not be \"/\"");
    return RootDirectory{path, true, false};
  }
  const bool host_root = environment.effective_uid == 0 && !environment.user_namespace;
  const bool ordinary = rootless == Rootless::yes || (rootless == Rootless::automatic && !host_root);
  if (!ordinary) return RootDirectory{kUsualRoot, false, false};
  if (!environment.xdg_runtime_dir.empty() && environment.xdg_runtime_dir.front() == '/') {
    return RootDirectory{environment.xdg_runtime_dir + "/litebox", false, false};
  }
  if (environment.effective_uid == 0) return RootDirectory{kUsualRoot, false, false};
  return RootDirectory{"/tmp/litebox-" + std::to_string(environment.effective_uid), false, true};
}

Status make_root(const RootDirectory& root) {
  const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC | (root.shared_parent ? O_NOFOLLOW : 0);
  Fd directory(open(root.path.c_str(), flags));
  if (!directory && errno == ENOENT) {
    LITEBOX_TRY(make_directories(root.path));
    directory.reset(open(root.path.c_str(), flags));
  }
  if (!directory) return last_error("open root directory " + root.path);
  if (root.chosen_by_user) return {};
  struct stat status {};
  if (fstat(directory.get(), &status) != 0) return last_error("stat root directory " + root.path);
  if (status.st_uid != geteuid()) return Error("root directory " + root.path + " belongs to another user");
  if ((status.st_mode & 022U) != 0) return Error("root directory " + root.path + " is writable by other users");
  return {};
}

}  // namespace litebox::runtime
