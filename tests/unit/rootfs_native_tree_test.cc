// The container's tree as the kernel's own mounts: what shows there, what is blocked, and the way back to the container's
// mounts.
#include "rootfs/native_tree.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "rootfs/container_tree.h"
#include "rootfs/host_file.h"
#include "tests/unit/fake_view.h"
#include "tests/unit/rootfs_test_support.h"

namespace litebox::rootfs {
namespace {

class NativeTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    for (const char* name :
         {"root", "root/etc", "root/proc", "root/volume", "root/guest", "scratch", "volume", "volume/inner"}) {
      ASSERT_EQ(::mkdir((directory_ / name).c_str(), 0755), 0);
    }
    write_file(directory_ / "root/etc/hosts", "image");
    write_file(directory_ / "volume/file", "volume");
    write_file(directory_ / "hosts", "bound");
    config_.root.path = "root";
    config_.mounts = {entry("/proc", "proc", "proc", {}), entry("/tmp", "tmpfs", "tmpfs", {"size=64k"}),
                      entry("/volume", "none", directory_ / "volume", {"rbind", "ro"}),
                      entry("/etc/hosts", "none", directory_ / "hosts", {"bind"})};
  }

  void build() {
    TreeOptions options;
    options.bundle = directory_.path();
    options.scratch = directory_ / "scratch";
    options.may_mount = true;
    options.view = &view_;
    auto tree = build_tree(config_, options);
    ASSERT_TRUE(tree.ok()) << tree.error().message();
    tree_ = *tree;
    auto native = NativeTree::build(*tree_);
    ASSERT_TRUE(native.ok()) << native.error().message();
    tree_->set_native(std::move(native).value());
  }

  NativeTree& native() { return *tree_->native(); }

  Result<struct stat> status(const std::string& path) {
    struct stat status {};
    if (::fstatat(native().root(), path.c_str() + 1, &status, AT_SYMLINK_NOFOLLOW) != 0) return last_error();
    return status;
  }
  mode_t permissions(const std::string& path) {
    const auto found = status(path);
    EXPECT_TRUE(found.ok()) << path;
    return found.ok() ? found->st_mode & 07777U : 07777U;
  }
  ino_t inode(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_ino;
  }

  TempDirectory directory_;
  oci::Config config_;
  FakeView view_;
  std::shared_ptr<Tree> tree_;
};

TEST_F(NativeTreeTest, ShowsFilesOfTheHostAndBlocksWhatIsLiteboxsOwn) {
  build();
  EXPECT_EQ(status("/volume/file")->st_ino, inode(directory_ / "volume/file"));
  EXPECT_EQ(status("/etc/hosts")->st_ino, inode(directory_ / "hosts"));
  EXPECT_EQ(permissions("/tmp"), 01777U);
  EXPECT_EQ(permissions("/proc"), 0U);
  EXPECT_FALSE(status("/proc/self").ok());
  EXPECT_EQ(native().readable().size(), 4U);  // the root, /tmp, /volume and /etc/hosts
}

TEST_F(NativeTreeTest, KeepsWhatTheMountsForbid) {
  build();
  EXPECT_LT(::openat(native().root(), "volume/file", O_RDWR | O_CLOEXEC), 0);
  EXPECT_EQ(errno, EROFS);
  ASSERT_EQ(::mknod((directory_ / "root/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  EXPECT_LT(::openat(native().root(), "null", O_RDONLY | O_CLOEXEC), 0);
  EXPECT_EQ(errno, EACCES);
}

TEST_F(NativeTreeTest, IsNotMadeWhereTheHostHasMountsInTheRoot) {
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount("tmpfs", (directory_ / "root/guest").c_str(), "tmpfs", 0, nullptr), 0);
  config_.mounts.clear();
  TreeOptions options;
  options.bundle = directory_.path();
  options.scratch = directory_ / "scratch";
  options.may_mount = true;
  options.view = &view_;
  auto tree = build_tree(config_, options);
  ASSERT_TRUE(tree.ok());
  EXPECT_EQ(NativeTree::build(**tree).error().number(), ENOTSUP);
  ASSERT_EQ(::umount2((directory_ / "root/guest").c_str(), MNT_DETACH), 0);
}

TEST_F(NativeTreeTest, BlocksABindWithMountsBelowIt) {
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount("tmpfs", (directory_ / "volume/inner").c_str(), "tmpfs", 0, nullptr), 0);
  build();
  EXPECT_EQ(permissions("/volume"), 0U);
  ASSERT_EQ(::umount2((directory_ / "volume/inner").c_str(), MNT_DETACH), 0);
}

TEST_F(NativeTreeTest, BlocksWhatAGuestHasMountedOver) {
  build();
  EXPECT_NE(permissions("/guest"), 0U);
  ASSERT_TRUE(native().block("/guest").ok());
  EXPECT_EQ(permissions("/guest"), 0U);
  ASSERT_TRUE(native().block("/guest").ok());
  ASSERT_TRUE(native().block("/etc/hosts").ok());
  EXPECT_EQ(permissions("/etc/hosts"), 0U);
  EXPECT_TRUE(native().block("/proc/none").ok());  // behind a blocker already
}

// What a guest has opened itself leads to the container's own mount, and to the same file there.
TEST_F(NativeTreeTest, LocatesWhatIsOpenedInIt) {
  build();
  for (const std::string path : {"/volume/file", "/etc/hosts", "/etc", "/tmp", "/volume", "/"}) {
    const Fd file(::openat(native().root(), path == "/" ? "." : path.c_str() + 1, O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(file.valid()) << path;
    const auto located = tree_->locate(file.get());
    ASSERT_TRUE(located.ok()) << path;
    const auto resolved = tree_->resolve(root_subject(), tree_->root(), tree_->root(), path);
    ASSERT_TRUE(resolved.ok()) << path;
    EXPECT_EQ(located->mount, resolved->target.mount) << path;
    EXPECT_TRUE(located->node->key() == resolved->target.node->key()) << path;
    EXPECT_EQ(*tree_->path_of(root_subject(), tree_->root(), *located), path);
    const auto identity = host::identify(file.get());
    EXPECT_EQ(native().shows(path, identity->key.inode), true) << path;
    EXPECT_EQ(native().shows(path, identity->key.inode + 1), false) << path;
  }
  const Fd removed(::openat(native().root(), "tmp/removed", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  ASSERT_EQ(::unlinkat(native().root(), "tmp/removed", 0), 0);
  const auto located = tree_->locate(removed.get());
  ASSERT_TRUE(located.ok());
  EXPECT_TRUE(located->node->key() == host::identify(removed.get())->key);
}

}  // namespace
}  // namespace litebox::rootfs
