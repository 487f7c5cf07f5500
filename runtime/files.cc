#include "runtime/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace litebox::runtime {
namespace {

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

// Opens a directory to empty it, giving its owner the permission to do so where that is missing.
Fd open_for_removal(int parent, const std::string& name) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  struct stat status {};
  if (fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
      (status.st_mode & 0700U) != 0700U) {
    (void)fchmodat(parent, name.c_str(), 0700, 0);
  }
  return Fd(openat(parent, name.c_str(), flags));
}

// A directory that is being emptied.
struct Level {
  std::unique_ptr<DIR, int (*)(DIR*)> stream{nullptr, closedir};
  std::string name;      // in the level above
  bool changed = false;  // something went since the stream was last at its beginning: there may be more

  int descriptor() const { return dirfd(stream.get()); }
};

Result<Level> open_level(int parent, const std::string& name) {
  Fd directory = open_for_removal(parent, name);
  if (!directory) return last_error("remove " + name);
  Level level;
  level.name = name;
  level.stream.reset(fdopendir(directory.get()));
  if (!level.stream) return last_error("remove " + name);
  (void)directory.release();
  return level;
}

struct Entry {
  std::string name;
  unsigned char type = DT_UNKNOWN;
};

// The next entry of a directory, without a name at the end.
Entry next_entry(Level& level) {
  while (const dirent* entry = readdir(level.stream.get())) {
    Entry found{entry->d_name, entry->d_type};
    if (found.name != "." && found.name != "..") return found;
  }
  return {};
}

// True when the entry is gone, false when it is a directory that has to be emptied.
Result<bool> remove_entry(int directory, const std::string& name, unsigned char type) {
  const bool is_directory = type == DT_DIR;
  if (unlinkat(directory, name.c_str(), is_directory ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT) return true;
  if (is_directory || errno == EISDIR || errno == EPERM) return false;
  return last_error("remove " + name);
}

}  // namespace

Result<std::string> read_file(int directory, const std::string& name, size_t limit) {
  const Fd file(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return last_error("open " + name);
  std::string text;
  std::array<char, 16384> buffer{};
  while (text.size() < limit) {
    const ssize_t length = read(file.get(), buffer.data(), std::min(buffer.size(), limit - text.size()));
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return last_error("read " + name);
    if (length == 0) break;
    text.append(buffer.data(), static_cast<size_t>(length));
  }
  return text;
}

Status replace_file(int directory, const std::string& name, std::string_view text, mode_t mode) {
  const size_t slash = name.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : name.substr(0, slash + 1);
  const std::string leaf = slash == std::string::npos ? name : name.substr(slash + 1);
  const std::string temporary = parent + "." + leaf + "." + std::to_string(getpid());
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd file(openat(directory, temporary.c_str(), flags, mode));
  if (!file && errno == EEXIST) {  // of an earlier process with this pid that was killed
    (void)unlinkat(directory, temporary.c_str(), 0);
    file.reset(openat(directory, temporary.c_str(), flags, mode));
  }
  if (!file) return last_error("create " + temporary);
  Status status = write_all(file.get(), text);
  if (status.ok() && fchmod(file.get(), mode) != 0) status = last_error();
  file.reset();
  if (status.ok() && renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) status = last_error();
  if (status.ok()) return {};
  (void)unlinkat(directory, temporary.c_str(), 0);
  return std::move(status).error().within("write " + name);
}

Status write_control_file(const std::string& path, std::string_view text) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return last_error("open " + path);
  ssize_t written = 0;
  do {
    written = write(file.get(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0) return last_error("write \"" + std::string(text) + "\" to " + path);
  return {};
}

// The depth of the tree may be anybody's choice, so the levels are no recursion, and below a few of them a directory is moved
// up to the first level instead of being descended into: descriptors stay few.
Status remove_tree(int directory, const std::string& name) {
  constexpr size_t levels_limit = 32;
  LITEBOX_ASSIGN(const bool is_gone, remove_entry(directory, name, DT_UNKNOWN));
  if (is_gone) return {};
  std::vector<Level> levels;
  LITEBOX_ASSIGN(Level first, open_level(directory, name));
  levels.push_back(std::move(first));
  size_t moved = 0;
  while (!levels.empty()) {
    Level& level = levels.back();
    const Entry entry = next_entry(level);
    const std::string& child = entry.name;
    if (child.empty()) {
      const int parent = levels.size() == 1 ? directory : levels[levels.size() - 2].descriptor();
      const bool removed = unlinkat(parent, level.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
      if (!removed && (errno == ENOTEMPTY || errno == EEXIST) && std::exchange(level.changed, false)) {
        rewinddir(level.stream.get());
        continue;
      }
      if (!removed) return last_error("rmdir " + level.name);
      levels.pop_back();
      continue;
    }
    level.changed = true;
    LITEBOX_ASSIGN(const bool child_is_gone, remove_entry(level.descriptor(), child, entry.type));
    if (child_is_gone) continue;
    if (levels.size() >= levels_limit) {
      const std::string target = ".removed." + std::to_string(getpid()) + "." + std::to_string(moved++);
      if (renameat(level.descriptor(), child.c_str(), levels.front().descriptor(), target.c_str()) == 0) {
        levels.front().changed = true;
        continue;
      }
    }
    LITEBOX_ASSIGN(Level next, open_level(level.descriptor(), child));
    levels.push_back(std::move(next));
  }
  return {};
}

}  // namespace litebox::runtime
