// The handlers of the file families over a real tree in a temporary directory; the calling process is the test itself.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <memory>

#include "rootfs/descriptor_registry.h"
#include "shim/syscalls/dispatch.h"
#include "shim/syscalls/path_descriptor.h"
#include "tests/unit/rootfs_test_support.h"

namespace litebox::syscalls {
namespace {

using rootfs::Ownership;

class DirectMonitor : public Monitor {
 public:
  void while_blocking(const std::function<void()>& work) override { work(); }
};

// As an ordinary user ownership is recorded, as litebox does it.
Ownership usual_ownership() { return ::geteuid() == 0 ? Ownership::native : Ownership::recorded; }

class FileCalls : public ::testing::Test {
 protected:
  FileCalls() : world_(config_, {.recorded_ownership = usual_ownership() == Ownership::recorded}) {
    std::filesystem::create_directory(directory_ / "root");
    std::filesystem::create_directory(directory_ / "scratch");
    tree_ = rootfs::tree_over(directory_ / "root", usual_ownership());
    auto registry = rootfs::DescriptorRegistry::make(directory_ / "scratch");
    EXPECT_TRUE(registry.ok());
    if (registry.ok()) tree_->set_registry(*registry);
    world_.set_tree(tree_);
    kernel::Credentials credentials;
    credentials.permitted = credentials.effective = credentials.bounding = (1ULL << 41U) - 1;
    kernel::ProcessState state;
    state.credentials = std::make_shared<const kernel::Credentials>(credentials);
    state.identity = kernel::identity_of(credentials);
    state.root = state.cwd = tree_->root();
    EXPECT_TRUE(world_.adopt(self(), std::move(state)).ok());
  }

  static HostPid self() { return HostPid(::getpid()); }

  // The result of a call as the guest sees it; a descriptor is kept in descriptor_ and answered as 0.
  template <typename... Arguments>
  int64_t call(int64_t number, Arguments... arguments) {
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    const auto state = world_.state_of(self());
    EXPECT_TRUE(state.ok());
    Call made{
        world_, monitor_, self(), self(), pidfd.get(), 0, number, {raw(arguments)...}, 0, *state, kernel::GuestMemory(self())};
    const Handler handler = find_handler(number);
    EXPECT_NE(handler, nullptr) << number;
    Reply reply = handler(made);
    if (auto* installed = std::get_if<Reply::InstallFd>(&reply.kind())) {
      descriptor_ = std::move(installed->fd);
      close_on_exec_ = installed->close_on_exec;
      return 0;
    }
    const auto* value = std::get_if<Reply::Value>(&reply.kind());
    EXPECT_NE(value, nullptr);
    return value != nullptr ? value->value : INT64_MIN;
  }

  static uint64_t raw(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }
  template <typename T>
  static std::enable_if_t<std::is_integral_v<T>, uint64_t> raw(T value) {
    return static_cast<uint64_t>(value);
  }

  void put(const std::string& name, const std::string& text, mode_t mode = 0644) {
    rootfs::write_file(directory_ / ("root/" + name), text, mode);
  }

  rootfs::TempDirectory directory_;
  oci::Config config_;
  kernel::World world_;
  std::shared_ptr<rootfs::Tree> tree_;
  DirectMonitor monitor_;
  Fd descriptor_;
  bool close_on_exec_ = false;
};

TEST_F(FileCalls, OpensReadsAndCreates) {
  put("file", "content");
  ASSERT_EQ(call(SYS_openat, AT_FDCWD, "/file", O_RDONLY | O_CLOEXEC), 0);
  EXPECT_TRUE(close_on_exec_);
  char text[16] = {};
  EXPECT_EQ(::read(descriptor_.get(), text, sizeof text), 7);
  EXPECT_STREQ(text, "content");
  EXPECT_EQ(call(SYS_openat, AT_FDCWD, "new", O_RDWR | O_CREAT | O_EXCL, 0444), 0);
  EXPECT_FALSE(close_on_exec_);
  EXPECT_EQ(::write(descriptor_.get(), "x", 1), 1);
  EXPECT_EQ(call(SYS_openat, AT_FDCWD, "new", O_RDWR | O_CREAT | O_EXCL, 0444), -EEXIST);
  EXPECT_EQ(call(SYS_open, "../../etc/passwd", O_RDONLY), -ENOENT);
}

TEST_F(FileCalls, PathsThatCannotBeRead) {
  EXPECT_EQ(call(SYS_openat, AT_FDCWD, nullptr, O_RDONLY), -EFAULT);
  EXPECT_EQ(call(SYS_stat, nullptr, nullptr), -EFAULT);
  EXPECT_EQ(call(SYS_stat, "", nullptr), -ENOENT);
  const std::string longest(PATH_MAX - 1, '/');
  EXPECT_EQ(call(SYS_access, longest.c_str(), F_OK), 0);
  EXPECT_EQ(call(SYS_access, (longest + "/").c_str(), F_OK), -ENAMETOOLONG);
  // A path that ends where the mapping does.
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  auto* memory = static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::munmap(memory + page, page), 0);
  memory[page - 2] = '/';
  EXPECT_EQ(call(SYS_access, memory + page - 2, F_OK), 0);
  memory[page - 1] = '/';
  EXPECT_EQ(call(SYS_access, memory + page - 2, F_OK), -EFAULT);
  ::munmap(memory, page);
}

TEST_F(FileCalls, DescriptorsOfTheCaller) {
  std::filesystem::create_directory(directory_ / "root/dir");
  put("dir/in", "x");
  ASSERT_EQ(call(SYS_openat, AT_FDCWD, "dir", O_RDONLY | O_DIRECTORY), 0);
  const Fd directory = std::move(descriptor_);
  struct stat status {};
  EXPECT_EQ(call(SYS_newfstatat, directory.get(), "in", &status, 0), 0);
  EXPECT_EQ(status.st_size, 1);
  EXPECT_EQ(call(SYS_newfstatat, directory.get(), "../dir/in", &status, 0), 0);
  EXPECT_EQ(call(SYS_newfstatat, 1 << 20, "in", &status, 0), -EBADF);
  ASSERT_EQ(call(SYS_openat, AT_FDCWD, "dir/in", O_RDONLY), 0);
  EXPECT_EQ(call(SYS_newfstatat, descriptor_.get(), "in", &status, 0), -ENOTDIR);
  EXPECT_EQ(call(SYS_fchdir, directory.get()), 0);
  char path[64] = {};
  EXPECT_EQ(call(SYS_getcwd, path, sizeof path), 5);
  EXPECT_STREQ(path, "/dir");
}

// A directory that the host handed in: its own files can be named, nothing above it.
TEST_F(FileCalls, ADescriptorFromOutsideIsARootOfItsOwn) {
  std::filesystem::create_directories(directory_ / "outside/dir");
  rootfs::write_file(directory_ / "outside/secret", "x");
  rootfs::write_file(directory_ / "outside/dir/in", "x");
  const Fd outside(::open((directory_ / "outside/dir").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  EXPECT_EQ(call(SYS_newfstatat, outside.get(), "in", &status, 0), 0);
  EXPECT_EQ(call(SYS_newfstatat, outside.get(), "../secret", &status, 0), -ENOENT);
  EXPECT_EQ(call(SYS_newfstatat, outside.get(), "../../../../../../etc/passwd", &status, 0), -ENOENT);
  ASSERT_EQ(::symlink("../secret", (directory_ / "outside/dir/link").c_str()), 0);
  EXPECT_EQ(call(SYS_openat, outside.get(), "link", O_RDONLY), -ENOENT);
}

TEST_F(FileCalls, PathDescriptorsOnlyName) {
  put("file", "content");
  std::filesystem::create_directory(directory_ / "root/dir");
  std::filesystem::create_symlink("file", directory_ / "root/link");
  ASSERT_EQ(::mkfifo((directory_ / "root/fifo").c_str(), 0644), 0);
  char buffer[256];
  for (const char* name : {"file", "dir", "link", "fifo"}) {
    ASSERT_EQ(call(SYS_openat, AT_FDCWD, name, O_PATH | O_NOFOLLOW), 0) << name;
    const Fd named = std::move(descriptor_);
    EXPECT_TRUE(is_path_descriptor(named.get())) << name;
    // ADDFD refuses a true O_PATH descriptor.
    EXPECT_EQ(::fcntl(named.get(), F_GETFL) & O_PATH, 0) << name;
    EXPECT_EQ(::read(named.get(), buffer, sizeof buffer), -1) << name;
    EXPECT_EQ(::write(named.get(), "x", 1), -1) << name;
    EXPECT_EQ(::ftruncate(named.get(), 0), -1) << name;
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, named.get(), 0), MAP_FAILED) << name;
    EXPECT_EQ(call(SYS_getdents64, named.get(), buffer, sizeof buffer), -EBADF) << name;
    EXPECT_EQ(call(SYS_fchmod, named.get(), 0600), -EBADF) << name;
    EXPECT_EQ(call(SYS_fgetxattr, named.get(), "user.x", buffer, sizeof buffer), -EBADF) << name;
    struct stat by_name {};
    struct stat by_descriptor {};
    EXPECT_EQ(call(SYS_lstat, name, &by_name), 0);
    EXPECT_EQ(call(SYS_newfstatat, named.get(), "", &by_descriptor, AT_EMPTY_PATH), 0) << name;
    EXPECT_EQ(by_name.st_ino, by_descriptor.st_ino) << name;
    EXPECT_EQ(by_name.st_mode, by_descriptor.st_mode) << name;
  }
}

TEST_F(FileCalls, DirectoriesOpenedWithSyncAreStillRead) {
  ASSERT_EQ(call(SYS_open, "/", O_RDONLY | O_DIRECTORY | O_SYNC), 0);
  char buffer[256];
  EXPECT_FALSE(is_path_descriptor(descriptor_.get()));
  EXPECT_GT(call(SYS_getdents64, descriptor_.get(), buffer, sizeof buffer), 0);
}

TEST_F(FileCalls, AReadOnlyMountForbidsChangesThroughDescriptors) {
  std::filesystem::create_directories(directory_ / "root/ro");
  std::filesystem::create_directory(directory_ / "source");
  rootfs::write_file(directory_ / "source/file", "x");
  const auto at = tree_->resolve(rootfs::root_subject(), tree_->root(), tree_->root(), "/ro");
  ASSERT_TRUE(at.ok());
  ASSERT_TRUE(tree_
                  ->mount(at->target, rootfs::host_root(directory_ / "source", usual_ownership()), {.read_only = true}, "none",
                          "none", "/", "ro")
                  .ok());
  ASSERT_EQ(call(SYS_open, "/ro/file", O_RDONLY), 0);
  EXPECT_EQ(call(SYS_fchmod, descriptor_.get(), 0600), -EROFS);
  EXPECT_EQ(call(SYS_fchown, descriptor_.get(), 1, 1), -EROFS);
  EXPECT_EQ(call(SYS_fsetxattr, descriptor_.get(), "user.x", "x", 1, 0), -EROFS);
  EXPECT_EQ(call(SYS_utimensat, descriptor_.get(), nullptr, nullptr, 0), -EROFS);
  EXPECT_EQ(call(SYS_open, "/ro/file", O_RDWR), -EROFS);
  EXPECT_EQ(call(SYS_open, "/ro/new", O_RDWR | O_CREAT, 0644), -EROFS);
  EXPECT_EQ(call(SYS_rmdir, "/ro"), -EBUSY);
  EXPECT_EQ(call(SYS_rename, "/ro", "/rw"), -EBUSY);
  EXPECT_EQ(call(SYS_rename, "/ro/file", "/file"), -EXDEV);
}

TEST_F(FileCalls, AProgramThatRunsIsNotWritten) {
  put("program", "x", 0755);
  put("other", "x", 0755);
  const auto at = tree_->resolve(rootfs::root_subject(), tree_->root(), tree_->root(), "/program");
  ASSERT_TRUE(at.ok());
  ASSERT_TRUE(world_
                  .update(self(),
                          [&](kernel::ProcessState& state) -> Status {
                            state.executable = at->target;
                            return {};
                          })
                  .ok());
  EXPECT_EQ(call(SYS_open, "/program", O_RDWR), -ETXTBSY);
  EXPECT_EQ(call(SYS_open, "/program", O_RDONLY | O_TRUNC), -ETXTBSY);
  EXPECT_EQ(call(SYS_truncate, "/program", 0), -ETXTBSY);
  EXPECT_EQ(call(SYS_open, "/program", O_RDONLY), 0);
  EXPECT_EQ(call(SYS_open, "/other", O_RDWR), 0);
}

TEST_F(FileCalls, GetcwdTellsARemovedDirectoryFromAnOddName) {
  ASSERT_EQ(call(SYS_mkdir, "odd (deleted)", 0755), 0);
  ASSERT_EQ(call(SYS_chdir, "odd (deleted)"), 0);
  char path[64] = {};
  EXPECT_EQ(call(SYS_getcwd, path, sizeof path), 15);
  ASSERT_EQ(call(SYS_rmdir, "/odd (deleted)"), 0);
  EXPECT_EQ(call(SYS_getcwd, path, sizeof path), -ENOENT);
}

TEST_F(FileCalls, ExtendedAttributesByTheNewCalls) {
  struct {
    uint64_t value;
    uint32_t size;
    uint32_t flags;
    uint64_t more;
  } arguments = {raw("value"), 5, 0, 0};
  put("file", "x");
  constexpr int kSet = 463;
  constexpr int kGet = 464;
  EXPECT_EQ(call(kSet, AT_FDCWD, "file", 0, "user.x", &arguments, 16), 0);
  EXPECT_EQ(call(kSet, AT_FDCWD, "file", 0, "user.x", &arguments, 15), -EINVAL);
  EXPECT_EQ(call(kSet, AT_FDCWD, "file", 0, "user.x", &arguments, sizeof arguments), 0);
  arguments.more = 1;
  EXPECT_EQ(call(kSet, AT_FDCWD, "file", 0, "user.x", &arguments, sizeof arguments), -E2BIG);
  char buffer[16] = {};
  arguments.value = raw(buffer);
  arguments.size = sizeof buffer;
  EXPECT_EQ(call(kGet, AT_FDCWD, "file", 0, "user.x", &arguments, 16), 5);
  EXPECT_STREQ(buffer, "value");
}

}  // namespace
}  // namespace litebox::syscalls
