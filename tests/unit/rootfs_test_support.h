// What the tests of rootfs share: temporary directories, subjects, a tree over a directory, children with other ids.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "oci/config.h"
#include "rootfs/device_policy.h"
#include "rootfs/host_node.h"
#include "rootfs/override_store.h"
#include "rootfs/tree.h"
#include "tests/support/mount_entry.h"

namespace litebox::rootfs {

class TempDirectory {
 public:
  TempDirectory() {
    char pattern[] = "/tmp/litebox-rootfs-XXXXXX";
    path_ = ::mkdtemp(pattern);
    (void)::chmod(path_.c_str(), 0755);
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline Subject subject_of(uid_t uid, uint64_t capabilities, std::vector<gid_t> groups = {}) {
  Subject subject;
  subject.identity = std::make_shared<const Identity>(Identity{uid, uid, std::move(groups), capabilities});
  subject.umask = 022;
  return subject;
}
inline Subject root_subject() { return subject_of(0, ~0ULL); }

inline void write_file(const std::string& path, const std::string& text, mode_t mode = 0644) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_TRUE(file.valid()) << path;
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ASSERT_EQ(::fchmod(file.get(), mode), 0);
}

inline NodePtr host_root(const std::string& directory, Ownership ownership) {
  auto policy = std::make_shared<const DevicePolicy>(oci::Linux(), ownership == Ownership::native);
  auto file_system = std::make_shared<HostFileSystem>(ownership, false, policy);
  if (ownership == Ownership::recorded) {
    file_system->set_store(std::make_unique<OverrideStore>(Fd(::open(directory.c_str(), O_PATH | O_CLOEXEC))));
  }
  auto node = HostNode::make(file_system, Fd(::open(directory.c_str(), O_PATH | O_CLOEXEC)));
  return node.ok() ? *node : nullptr;
}

inline std::unique_ptr<Tree> tree_over(const std::string& directory, Ownership ownership) {
  auto mount = std::make_shared<Mount>();
  mount->type = "test";
  return std::make_unique<Tree>(Location{std::move(mount), host_root(directory, ownership)});
}

// Runs `body` in a child of its own and says how it ended: 0 unless an expectation failed there.
inline int in_child(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  (void)::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The same as an ordinary user: nobody when the tests run as root.
inline int as_ordinary_user(const std::function<void()>& body) {
  return in_child([&] {
    if (::geteuid() == 0) {
      ASSERT_EQ(::setgroups(0, nullptr), 0);
      ASSERT_EQ(::setresgid(65534, 65534, 65534), 0);
      ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    }
    body();
  });
}

}  // namespace litebox::rootfs
