#include "tests/fuzz/kernel_tree.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <thread>

#include "base/fd.h"
#include "tests/fuzz/input.h"

namespace litebox::fuzz {
namespace {

constexpr unsigned long kNoSymlinkFollow = 256;  // MS_NOSYMFOLLOW
constexpr mode_t kMark = 01;                     // no file has this mode but one that was made for a question

rootfs::NodeKey key_of(int fd) {
  struct stat status {};
  require(fstat(fd, &status) == 0);
  return {status.st_dev, status.st_ino};
}

// The calling thread's capabilities that go past the permissions of files.
void set_privileged(bool privileged) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data = {};
  require(syscall(SYS_capget, &header, data.data()) == 0);
  constexpr uint32_t past_permissions = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;
  data[0].effective = privileged ? data[0].permitted : data[0].permitted & ~past_permissions;
  require(syscall(SYS_capset, &header, data.data()) == 0);
}

class Asker {
 public:
  // `descriptors`: the directory /proc/self/fd.
  explicit Asker(Fd descriptors) : descriptors_(std::move(descriptors)) {}

  Answer ask(const Question& question) const {
    switch (question.purpose) {
      case Purpose::look:
        return look(AT_FDCWD, question);
      case Purpose::make_directory:
        return make_directory(question.path);
      default:
        return make_file(question.path);
    }
  }

  Answer look(int start, const Question& question) const {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | (question.follow ? 0 : O_NOFOLLOW);
    how.resolve = question.resolve;
    Fd fd;
    do {  // EAGAIN: something on this host has renamed or mounted while a ".." was followed
      fd.reset(static_cast<int>(syscall(SYS_openat2, start, question.path.c_str(), &how, sizeof how)));
    } while (!fd.valid() && errno == EAGAIN);
    if (!fd.valid()) return {errno};
    return {0, false, key_of(fd.get()), path_of(fd.get())};
  }

 private:
  std::string path_of(int fd) const {
    std::array<char, PATH_MAX> path{};
    const ssize_t length = readlinkat(descriptors_.get(), std::to_string(fd).c_str(), path.data(), path.size());
    return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : std::string();
  }

  Answer make_directory(const std::string& path) const {
    if (mkdir(path.c_str(), 0700) != 0) return {errno};
    const Fd made(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const Fd parent(openat(made.get(), "..", O_PATH | O_CLOEXEC));
    Answer answer{0, true, key_of(parent.get()), path_of(made.get())};
    require(rmdir(path.c_str()) == 0);
    return answer;
  }

  Answer make_file(const std::string& path) const {
    const Fd fd(open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC | O_NONBLOCK, kMark));
    if (!fd.valid()) return {errno};
    struct stat status {};
    require(fstat(fd.get(), &status) == 0);
    Answer answer{0, (status.st_mode & 07777) == kMark, key_of(fd.get()), path_of(fd.get())};
    if (!answer.made) return answer;
    // By its own path, or, where that is too long to tell, not at all: the tree is gone soon.
    if (answer.path.empty()) return {-1};
    const size_t slash = answer.path.rfind('/');
    const Fd parent(open(answer.path.substr(0, slash + 1).c_str(), O_PATH | O_CLOEXEC));
    answer.key = key_of(parent.get());
    require(unlinkat(parent.get(), answer.path.substr(slash + 1).c_str(), 0) == 0);
    return answer;
  }

  Fd descriptors_;
};

Fd open_in_root(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  Fd fd;
  do {
    fd.reset(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  } while (!fd.valid() && errno == EAGAIN);
  return fd;
}

std::string link_of(const Fd& fd) { return "/proc/thread-self/fd/" + std::to_string(fd.get()); }

std::vector<bool> make_mounts(const std::string& root, const std::vector<BindMount>& mounts) {
  // Before the first mount covers any of them.
  std::vector<Fd> sources;
  sources.reserve(mounts.size());
  for (const BindMount& mount : mounts) sources.emplace_back(open(mount.source.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const Fd start(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<bool> mounted;
  for (size_t i = 0; i < mounts.size(); ++i) {
    const Fd target = open_in_root(start.get(), mounts[i].target);
    mounted.push_back(target.valid() && std::filesystem::read_symlink(link_of(target)) != root &&
                      mount(link_of(sources[i]).c_str(), link_of(target).c_str(), nullptr, MS_BIND, nullptr) == 0);
    if (!mounted.back() || !mounts[i].no_symlink_follow) continue;
    const Fd made = open_in_root(start.get(), mounts[i].target);
    require(mount(nullptr, link_of(made).c_str(), nullptr, MS_BIND | MS_REMOUNT | kNoSymlinkFollow, nullptr) == 0);
  }
  return mounted;
}

}  // namespace

Answers ask_kernel(const std::string& root, const std::vector<BindMount>& mounts, const std::string& directory,
                   const std::vector<Question>& questions) {
  Answers result;
  std::thread([&] {
    require(unshare(CLONE_FS | (mounts.empty() ? 0 : CLONE_NEWNS)) == 0);
    (void)umask(0);
    const Asker asker(Fd(open("/proc/thread-self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    result.mounted = make_mounts(root, mounts);
    require(chroot(root.c_str()) == 0 && chdir("/") == 0);
    if (chdir(directory.c_str()) != 0) result.directory_error = errno;
    for (const Question& question : questions) {
      set_privileged(question.privileged);
      result.answers.push_back(asker.ask(question));
      set_privileged(true);
    }
  }).join();
  return result;
}

Answers ask_kernel_in_root(const std::string& root, const std::vector<Question>& questions) {
  Answers result;
  const Fd start(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Asker asker(Fd{});
  for (Question question : questions) {
    question.resolve |= RESOLVE_IN_ROOT;
    result.answers.push_back(asker.look(start.get(), question));
  }
  return result;
}

}  // namespace litebox::fuzz
