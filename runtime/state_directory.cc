#include "runtime/state_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "runtime/container_id.h"
#include "runtime/files.h"

namespace litebox::runtime {
namespace {

constexpr const char* kRecordName = "state.json";
constexpr const char* kConfigName = "config.json";

Fd open_directory(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)); }

}  // namespace

Error no_such_container(const std::string& id) { return Error("container does not exist: " + id); }

StateDirectory::StateDirectory(std::string root, std::string id, Fd directory)
    : root_(std::move(root)), id_(std::move(id)), path_(root_ + "/" + id_), directory_(std::move(directory)) {}

Result<StateDirectory> StateDirectory::create(const std::string& root, const std::string& id) {
  LITEBOX_TRY(validate_id(id));
  const std::string path = root + "/" + id;
  if (mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return Error("container with given ID already exists: " + id);
    return last_error("mkdir " + path);
  }
  Fd directory = open_directory(path);
  if (!directory) return last_error("open " + path);
  StateDirectory made(root, id, std::move(directory));
  LITEBOX_TRY(made.lock(0));
  return made;
}

Result<StateDirectory> StateDirectory::open(const std::string& root, const std::string& id) {
  LITEBOX_TRY(validate_id(id));
  const std::string path = root + "/" + id;
  Fd directory = open_directory(path);
  if (!directory) {
    if (errno == ENOENT) return no_such_container(id);
    return last_error("open " + path);
  }
  return StateDirectory(root, id, std::move(directory));
}

bool StateDirectory::exists(const std::string& root, const std::string& id) {
  struct stat status {};
  return lstat((root + "/" + id).c_str(), &status) == 0 || errno != ENOENT;
}

Result<std::vector<std::string>> StateDirectory::list(const std::string& root) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(root.c_str()), closedir);
  if (!stream) return last_error("open root directory " + root);
  std::vector<std::string> ids;
  while (const dirent* entry = readdir(stream.get())) {
    struct stat status {};
    const bool is_directory =
        fstatat(dirfd(stream.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    if (is_directory && validate_id(entry->d_name).ok()) ids.emplace_back(entry->d_name);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool StateDirectory::still_linked() const {
  struct stat here {};
  struct stat named {};
  return fstat(directory_.get(), &here) == 0 && lstat(path_.c_str(), &named) == 0 && here.st_ino == named.st_ino &&
         here.st_dev == named.st_dev;
}

Status StateDirectory::lock(int milliseconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (flock(directory_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return last_error("lock " + path_);
    if (std::chrono::steady_clock::now() >= deadline)
      return Error(ETIMEDOUT, "container " + id_ + " is in use by another command");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (!still_linked()) {
    unlock();
    return no_such_container(id_);
  }
  return {};
}

void StateDirectory::unlock() { (void)flock(directory_.get(), LOCK_UN); }

Result<StateRecord> StateDirectory::read_record() const {
  LITEBOX_ASSIGN(const std::string text, read_file(directory_.get(), kRecordName));
  return record_from_json(text);
}

Status StateDirectory::write_record(const StateRecord& record) const {
  return replace_file(directory_.get(), kRecordName, record_to_json(record), 0600);
}

Result<std::string> StateDirectory::read_config() const { return read_file(directory_.get(), kConfigName); }

Status StateDirectory::write_config(std::string_view text) const {
  return replace_file(directory_.get(), kConfigName, text, 0600);
}

Status StateDirectory::remove() {
  const Fd parent(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return last_error("open root directory " + root_);
  return remove_tree(parent.get(), id_);
}

}  // namespace litebox::runtime
