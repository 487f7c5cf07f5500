// A small container for tests of the synthetic file systems: a tree over a directory of the host, with real processes.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rootfs/descriptor_registry.h"
#include "rootfs/filesystems.h"
#include "rootfs/host_node.h"
#include "rootfs/tree.h"
#include "tests/unit/fake_view.h"

namespace litebox::rootfs {

class FakeContainer : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/litebox-container-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    directory_ = pattern;
    host_root_ = directory_ + "/root";
    for (const char* name : {"/root", "/scratch", "/root/proc", "/root/sys", "/root/dev", "/root/dev/pts", "/root/data"}) {
      std::filesystem::create_directory(directory_ + name);
    }
    std::ofstream(host_root_ + "/data/file") << "content\n";
    auto registry = DescriptorRegistry::make(directory_ + "/scratch");
    ASSERT_TRUE(registry.ok()) << registry.error().message();
    registry_ = *registry;
    auto file_system = std::make_shared<HostFileSystem>(Ownership::native, false, nullptr);
    auto root = HostNode::make(file_system, Fd(::open(host_root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
    ASSERT_TRUE(root.ok()) << root.error().message();
    auto mount = std::make_shared<Mount>();
    mount->root = *root;
    mount->type = "ext4";
    mount->source = "/dev/root";
    tree_ = std::make_unique<Tree>(Location{mount, *root});
    tree_->set_registry(registry_);
    view_.container_tree = tree_.get();
    view_.root = tree_->root();
    view_.cwd = tree_->root();
    for (auto& gid : view_.process_ids.gid) gid = 0;
    identity_ = std::make_shared<Identity>(Identity{0, 0, {}, ~0ULL});
  }

  void TearDown() override {
    for (const pid_t process : started_) stop(process);
    registry_->forget_all();
    std::filesystem::remove_all(directory_);
  }

  // A member that has done `prepare` and sleeps. The first one is init.
  pid_t start(const std::function<void()>& prepare = [] {}) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t process = ::fork();
    if (process == 0) {
      ::setsid();
      ::close(ready[0]);
      prepare();
      (void)!::write(ready[1], "x", 1);
      while (true) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    started_.push_back(process);
    view_.processes.insert(process);
    if (view_.init == 0) view_.init = process;
    return process;
  }

  void stop(pid_t process) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    started_.erase(std::remove(started_.begin(), started_.end(), process), started_.end());
  }

  Subject subject(pid_t process) const { return Subject{identity_, HostPid(process), HostPid(process), 022}; }
  Subject subject_of(uid_t uid, uint64_t capabilities) const {
    Subject other = subject(view_.init);
    other.thread_group = other.thread = HostPid(0);
    other.identity = std::make_shared<Identity>(Identity{uid, uid, {}, capabilities});
    return other;
  }

  void mount(const std::string& path, NodePtr root, const std::string& type, const std::string& options = "rw") {
    auto mounted = tree_->mount(at(path), std::move(root), {}, type, type, "/", options);
    ASSERT_TRUE(mounted.ok()) << mounted.error().message();
  }

  Result<Location> find(const Subject& who, const std::string& path, bool follow = true) {
    ResolveOptions options;
    options.follow_final = follow;
    LITEBOX_ASSIGN(Resolved resolved, tree_->resolve(who, tree_->root(), tree_->root(), path, options));
    return resolved.target;
  }
  Location at(const std::string& path, bool follow = true) {
    auto found = find(subject(view_.init), path, follow);
    EXPECT_TRUE(found.ok()) << path << ": " << (found.ok() ? "" : found.error().message());
    return found.ok() ? *found : tree_->root();
  }

  Result<std::string> read(const Subject& who, const std::string& path) {
    LITEBOX_ASSIGN(const Location location, find(who, path));
    LITEBOX_ASSIGN(const Fd file, location.node->open(who, O_RDONLY));
    std::string content;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::read(file.get(), buffer, sizeof buffer)) != 0;) {
      if (count < 0) return last_error();
      content.append(buffer, static_cast<size_t>(count));
    }
    return content;
  }
  std::string content(const std::string& path) {
    auto text = read(subject(view_.init), path);
    EXPECT_TRUE(text.ok()) << path << ": " << (text.ok() ? "" : text.error().message());
    return text.ok() ? *text : std::string();
  }

  Result<std::string> link(const Subject& who, const std::string& path) {
    LITEBOX_ASSIGN(const Location location, find(who, path, false));
    return location.node->read_link(who);
  }
  std::string target(const std::string& path) {
    auto text = link(subject(view_.init), path);
    EXPECT_TRUE(text.ok()) << path << ": " << (text.ok() ? "" : text.error().message());
    return text.ok() ? *text : std::string();
  }

  std::vector<std::string> names(const std::string& path) {
    std::vector<std::string> all;
    const Location directory = at(path);
    int64_t offset = 0;
    while (true) {
      auto entries = directory.node->read_directory(subject(view_.init), offset, 512);
      EXPECT_TRUE(entries.ok()) << path;
      if (!entries.ok() || entries->empty()) return all;
      for (const DirectoryEntry& entry : *entries) {
        EXPECT_GT(entry.next, offset);
        offset = entry.next;
        if (entry.name != "." && entry.name != "..") all.push_back(entry.name);
      }
    }
  }
  bool has(const std::string& directory, const std::string& name) {
    const auto all = names(directory);
    return std::find(all.begin(), all.end(), name) != all.end();
  }

  int error_of(const Subject& who, const std::string& path) {
    const auto found = read(who, path);
    return found.ok() ? 0 : found.error().number();
  }

  std::string directory_;
  std::string host_root_;
  std::shared_ptr<DescriptorRegistry> registry_;
  std::unique_ptr<Tree> tree_;
  FakeView view_;
  std::shared_ptr<Identity> identity_;
  std::vector<pid_t> started_;
};

}  // namespace litebox::rootfs
