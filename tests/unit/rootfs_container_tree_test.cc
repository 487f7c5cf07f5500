#include "rootfs/container_tree.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <fstream>
#include <sstream>

#include "tests/unit/fake_view.h"
#include "tests/unit/rootfs_test_support.h"

namespace litebox::rootfs {
namespace {

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A bundle with a small root, and what config.json says of it. Made and used by the user that a test runs as.
class Bundle {
 public:
  explicit Bundle(Ownership ownership) {
    for (const char* name : {"/root", "/root/etc", "/root/data", "/root/tmp", "/root/link-target", "/volume", "/scratch"}) {
      EXPECT_EQ(::mkdir((path() + name).c_str(), 0755), 0);
    }
    EXPECT_EQ(::chmod((path() + "/root/tmp").c_str(), 01777), 0);
    write_file(path() + "/root/etc/hosts", "image");
    write_file(path() + "/root/tmp/kept", "kept");
    write_file(path() + "/volume/file", "volume");
    write_file(path() + "/hosts", "bound");
    EXPECT_EQ(::symlink("/link-target/../link-target", (path() + "/root/link").c_str()), 0);
    config.root.path = "root";
    options.ownership = ownership;
    options.bundle = path();
    options.scratch = path() + "/scratch";
    options.may_mount = ::geteuid() == 0;
    options.view = &view;
  }

  const std::string& path() const { return directory_.path(); }
  std::string root() const { return path() + "/root"; }

  void build() {
    auto built = build_tree(config, options);
    ASSERT_TRUE(built.ok()) << built.error().message();
    tree = *built;
  }
  std::string error() {
    auto built = build_tree(config, options);
    return built.ok() ? "none" : built.error().message();
  }
  Result<Resolved> resolve(const std::string& name, bool follow = true, bool want_parent = false) {
    ResolveOptions how;
    how.follow_final = follow;
    how.want_parent = want_parent;
    return tree->resolve(subject, tree->root(), tree->root(), name, how);
  }
  Result<Fd> open(const std::string& name, int flags) {
    auto found = resolve(name);
    if (!found.ok()) return found.error();
    return Tree::open(subject, found->target, flags);
  }
  std::string content(const std::string& name) {
    auto fd = open(name, O_RDONLY);
    if (!fd.ok()) return "error " + fd.error().message();
    std::string text(4096, '\0');
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, ::read(fd->get(), text.data(), text.size()))));
    return text;
  }
  Status create(const std::string& name) {
    auto found = resolve(name, true, true);
    if (!found.ok()) return found.error();
    LITEBOX_TRY(Tree::want_write(found->parent));
    auto fd = found->parent.node->create_open(subject, found->name, O_RDWR, 0644);
    return fd.ok() ? Status() : Status(fd.error());
  }
  struct statx status(const std::string& name, bool follow = true) {
    auto found = resolve(name, follow);
    EXPECT_TRUE(found.ok()) << name << ": " << found.error().message();
    return found.ok() ? *found->target.node->status(subject) : statx_zero();
  }

  oci::Config config;
  TreeOptions options;
  FakeView view;
  Subject subject = root_subject();
  std::shared_ptr<Tree> tree;

 private:
  static struct statx statx_zero() {
    struct statx status {};
    return status;
  }
  TempDirectory directory_;
};

void add_defaults(oci::Config& config) {
  config.mounts.push_back(entry("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  config.mounts.push_back(entry("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  config.mounts.push_back(
      entry("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  config.mounts.push_back(entry("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=64k"}));
  config.mounts.push_back(entry("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  config.mounts.push_back(entry("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
}

// Each test runs twice: as root with the kernel's mounts, and as an ordinary user.
class ContainerTreeTest : public ::testing::TestWithParam<Ownership> {
 protected:
  void run(const std::function<void(Bundle&)>& body) {
    const auto test = [&] {
      ::umask(0);
      Bundle bundle(GetParam());
      body(bundle);
    };
    if (GetParam() == Ownership::recorded) {
      EXPECT_EQ(as_ordinary_user(test), 0);
      return;
    }
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const std::string before = read_text("/proc/self/mounts");
    EXPECT_EQ(in_child(test), 0);
    EXPECT_EQ(read_text("/proc/self/mounts"), before);
  }
};

TEST_P(ContainerTreeTest, DefaultDevicesAndFileSystems) {
  run([](Bundle& bundle) {
    add_defaults(bundle.config);
    bundle.build();
    const std::pair<const char*, dev_t> devices[] = {{"null", makedev(1, 3)},    {"zero", makedev(1, 5)},
                                                     {"full", makedev(1, 7)},    {"random", makedev(1, 8)},
                                                     {"urandom", makedev(1, 9)}, {"tty", makedev(5, 0)}};
    for (const auto& [name, number] : devices) {
      const struct statx status = bundle.status(std::string("/dev/") + name);
      EXPECT_EQ(status.stx_mode, S_IFCHR | 0666) << name;
      EXPECT_EQ(makedev(status.stx_rdev_major, status.stx_rdev_minor), number) << name;
      EXPECT_EQ(status.stx_uid, 0U);
    }
    auto null = bundle.open("/dev/null", O_RDWR);
    ASSERT_TRUE(null.ok()) << null.error().message();
    EXPECT_EQ(::write(null->get(), "x", 1), 1);
    auto full = bundle.open("/dev/full", O_WRONLY);
    ASSERT_TRUE(full.ok());
    EXPECT_EQ(::write(full->get(), "x", 1), -1);
    EXPECT_EQ(errno, ENOSPC);
    EXPECT_EQ(bundle.open("/dev/tty", O_RDWR).error().number(), ENXIO);
    EXPECT_EQ(*bundle.resolve("/dev/ptmx", false)->target.node->read_link(bundle.subject), "pts/ptmx");
    EXPECT_EQ(*bundle.resolve("/dev/fd", false)->target.node->read_link(bundle.subject), "/proc/self/fd");
    EXPECT_EQ(bundle.status("/dev/shm").stx_mode, S_IFDIR | 01777);
    EXPECT_EQ(bundle.status("/dev").stx_mode, S_IFDIR | 0755);
    EXPECT_EQ(bundle.status("/dev/mqueue").stx_mode, S_IFDIR | 01777);
    EXPECT_TRUE(bundle.content("/proc/version").starts_with("Linux")) << bundle.content("/proc/version");
    EXPECT_TRUE(bundle.resolve("/dev/pts/ptmx").ok());
    // The image's own directory was not touched but for the mountpoints.
    EXPECT_TRUE(std::filesystem::is_empty(bundle.root() + "/dev"));
    EXPECT_EQ(bundle.tree->mounts().size(), 7U);
    EXPECT_EQ(bundle.tree->mounts()[3]->type, "devpts");
  });
}

TEST_P(ContainerTreeTest, DevicesWithoutAMountOverDev) {
  run([](Bundle& bundle) {
    bundle.build();
    EXPECT_EQ(bundle.status("/dev/null").stx_mode, S_IFCHR | 0666);
    EXPECT_TRUE(bundle.open("/dev/null", O_WRONLY).ok());
    // Listings tell device nodes, or tell to look.
    const auto entries = bundle.resolve("/dev")->target.node->read_directory(bundle.subject, 0, 4096);
    ASSERT_TRUE(entries.ok());
    for (const DirectoryEntry& entry : *entries) {
      if (entry.name == "null") {
        EXPECT_TRUE(entry.type == DT_CHR || entry.type == DT_UNKNOWN);
      }
    }
  });
}

TEST_P(ContainerTreeTest, BindsFilesAndDirectories) {
  run([](Bundle& bundle) {
    bundle.config.mounts.push_back(entry("/data", "bind", "volume", {"rbind"}));
    bundle.config.mounts.push_back(entry("/data/made/here", "bind", bundle.path() + "/volume", {"bind", "ro", "nosuid"}));
    bundle.config.mounts.push_back(entry("/etc/hosts", "", bundle.path() + "/hosts", {"bind", "rprivate"}));
    bundle.config.mounts.push_back(entry("/link/deep", "bind", "hosts", {"bind", "ro"}));
    bundle.build();
    EXPECT_EQ(bundle.content("/data/file"), "volume");
    EXPECT_EQ(bundle.content("/etc/hosts"), "bound");
    EXPECT_EQ(bundle.content("/link-target/deep"), "bound");
    EXPECT_EQ(read_text(bundle.root() + "/etc/hosts"), "image");
    EXPECT_TRUE(bundle.create("/data/new").ok());
    EXPECT_TRUE(std::filesystem::exists(bundle.path() + "/volume/new"));
    EXPECT_TRUE(std::filesystem::is_directory(bundle.path() + "/volume/made/here"));
    EXPECT_EQ(bundle.create("/data/made/here/new2").error().number(), EROFS);
    EXPECT_EQ(bundle.open("/data/made/here/file", O_WRONLY).error().number(), EROFS);
    EXPECT_EQ(bundle.open("/link/deep", O_RDWR).error().number(), EROFS);
    EXPECT_TRUE(bundle.open("/data/made/here/file", O_RDONLY).ok());
    // What a descriptor leads back to keeps the mount's flags.
    auto fd = bundle.open("/data/made/here/file", O_RDONLY);
    auto location = bundle.tree->locate(fd->get());
    ASSERT_TRUE(location.ok());
    EXPECT_TRUE(location->mount->flags.read_only);
    EXPECT_EQ(Tree::check_access(bundle.subject, *location, W_OK).error().number(), EROFS);
    for (const char* name : {"/data", "/etc/hosts"}) {
      auto opened = bundle.open(name, O_RDONLY);
      ASSERT_TRUE(opened.ok());
      auto found = bundle.tree->locate(opened->get());
      ASSERT_TRUE(found.ok());
      if (bundle.options.may_mount) {
        EXPECT_EQ(*bundle.tree->path_of(bundle.subject, bundle.tree->root(), *found), name);
      }
    }
    EXPECT_EQ(*bundle.tree->path_of(bundle.subject, bundle.tree->root(), *location), "/data/made/here/file");
    EXPECT_TRUE(
        bundle.tree->is_mountpoint(*bundle.resolve("/link-target")->target.node->lookup(bundle.subject, "deep").value()));
  });
}

TEST_P(ContainerTreeTest, DotDotLeavesABindMountByItsMountpoint) {
  run([](Bundle& bundle) {
    bundle.config.mounts.push_back(entry("/data/a", "bind", "volume", {"rbind"}));
    bundle.build();
    const auto mounted = bundle.resolve("/data/a");
    ASSERT_TRUE(mounted.ok());
    const auto up = bundle.tree->resolve(bundle.subject, bundle.tree->root(), mounted->target, "..");
    ASSERT_TRUE(up.ok());
    EXPECT_EQ(*bundle.tree->path_of(bundle.subject, bundle.tree->root(), up->target), "/data");
    EXPECT_EQ(bundle.tree->resolve(bundle.subject, bundle.tree->root(), mounted->target, "../../../..")->target.node->key(),
              bundle.tree->root().node->key());
  });
}

TEST_P(ContainerTreeTest, ReadOnlyRootAndPaths) {
  run([](Bundle& bundle) {
    add_defaults(bundle.config);
    bundle.config.mounts.push_back(entry("/data", "bind", "volume", {"rbind"}));
    bundle.config.root.readonly = true;
    bundle.config.linux.readonly_paths = {"/data", "/proc/sys", "/none"};
    bundle.config.linux.masked_paths = {"/etc/hosts", "/tmp", "/proc/kcore", "/none/x", "/proc/version"};
    bundle.build();
    EXPECT_EQ(bundle.create("/new").error().number(), EROFS);
    EXPECT_EQ(bundle.open("/etc", O_RDONLY).ok(), true);
    EXPECT_EQ(bundle.create("/data/new").error().number(), EROFS);
    EXPECT_EQ(bundle.open("/data/file", O_WRONLY).error().number(), EROFS);
    EXPECT_TRUE(bundle.create("/dev/shm/new").ok());
    EXPECT_EQ(bundle.content("/etc/hosts"), "");
    EXPECT_EQ(bundle.status("/etc/hosts").stx_mode, S_IFCHR | 0666);
    EXPECT_EQ(bundle.content("/proc/version"), "");
    EXPECT_EQ(bundle.resolve("/tmp/kept").error().number(), ENOENT);
    EXPECT_EQ(bundle.create("/tmp/new").error().number(), EROFS);
    const auto listed = bundle.resolve("/tmp")->target.node->read_directory(bundle.subject, 0, 4096);
    EXPECT_EQ(listed->size(), 2U);
    EXPECT_EQ(Tree::check_access(bundle.subject, bundle.resolve("/proc/sys")->target, W_OK).error().number(), EROFS);
    if (bundle.options.may_mount) {
      // The kernel holds to it, too, whatever way a descriptor is used.
      auto fd = bundle.open("/etc", O_RDONLY);
      ASSERT_TRUE(fd.ok());
      EXPECT_EQ(::fchmod(fd->get(), 0700), -1);
      EXPECT_EQ(errno, EROFS);
    }
  });
}

TEST_P(ContainerTreeTest, TmpfsHasItsSizeAndTheOldContent) {
  run([](Bundle& bundle) {
    bundle.config.mounts.push_back(entry("/tmp", "tmpfs", "tmpfs", {"tmpcopyup", "nosuid", "nodev"}));
    bundle.config.mounts.push_back(entry("/small", "tmpfs", "tmpfs", {"size=64k", "uid=5", "gid=6", "mode=0750", "noexec"}));
    bundle.build();
    EXPECT_EQ(bundle.content("/tmp/kept"), "kept");
    EXPECT_EQ(bundle.status("/tmp").stx_mode, S_IFDIR | 01777);
    EXPECT_TRUE(bundle.create("/tmp/new").ok());
    EXPECT_FALSE(std::filesystem::exists(bundle.root() + "/tmp/new"));
    const struct statx small = bundle.status("/small");
    EXPECT_EQ(small.stx_mode, S_IFDIR | 0750);
    EXPECT_EQ(small.stx_uid, 5U);
    EXPECT_EQ(small.stx_gid, 6U);
    EXPECT_EQ(Tree::may_execute(bundle.resolve("/small")->target).error().number(), EACCES);
    if (bundle.options.may_mount) {
      ASSERT_TRUE(bundle.create("/small/file").ok());
      auto fd = bundle.open("/small/file", O_WRONLY);
      ASSERT_TRUE(fd.ok());
      const std::string text(60000, 'x');
      EXPECT_EQ(::write(fd->get(), text.data(), text.size()), 60000);
      EXPECT_LT(::write(fd->get(), text.data(), text.size()), 60000);
    }
  });
}

TEST_P(ContainerTreeTest, TheHostsProcIsNeverShown) {
  run([](Bundle& bundle) {
    bundle.config.mounts.push_back(entry("/data", "bind", "/proc", {"rbind"}));
    bundle.config.mounts.push_back(entry("/tmp", "bind", "/", {"rbind", "ro"}));
    bundle.config.mounts.push_back(entry("/version", "bind", "/proc/version", {"bind"}));
    bundle.build();
    EXPECT_EQ(bundle.resolve("/data/1/environ").error().number(), ENOENT);
    EXPECT_TRUE(bundle.content("/data/version").starts_with("Linux"));
    EXPECT_TRUE(bundle.content("/version").starts_with("Linux"));
    EXPECT_TRUE(bundle.resolve("/tmp/usr").ok());
    EXPECT_EQ(bundle.resolve("/tmp/proc/1").error().number(), EACCES);
    EXPECT_EQ(bundle.resolve("/tmp/proc/self/root").error().number(), EACCES);
  });
}

TEST_P(ContainerTreeTest, ErrorsNameTheField) {
  run([](Bundle& bundle) {
    bundle.config.root.path = "none";
    EXPECT_EQ(bundle.error(), "root.path: " + bundle.path() + "/none: No such file or directory");
    bundle.config.root.path = "hosts";
    EXPECT_EQ(bundle.error(), "root.path: " + bundle.path() + "/hosts: Not a directory");
    bundle.config.root.path = "root";
    bundle.config.mounts.push_back(entry("/a", "tmpfs", "tmpfs", {"size=1m"}));
    bundle.config.mounts.push_back(entry("/data", "bind", "/none/such", {"bind"}));
    EXPECT_EQ(bundle.error(), "mounts[1] (/data): /none/such: No such file or directory");
    bundle.config.mounts[1].source = "hosts";
    EXPECT_EQ(bundle.error(), "mounts[1] (/data): Is a directory");
    bundle.config.mounts[1] = entry("/etc/hosts/x", "tmpfs", "tmpfs", {});
    EXPECT_EQ(bundle.error(), "mounts[1] (/etc/hosts/x): Not a directory");
    bundle.config.mounts[1] = entry("/x", "tmpfs", "tmpfs", {"size=lots"});
    EXPECT_EQ(bundle.error(), "mounts[1] (/x): size=lots: Invalid argument");
    bundle.config.mounts[1] = entry("/x", "devpts", "devpts", {"gid=x"});
    EXPECT_EQ(bundle.error(), "mounts[1] (/x): gid=x: Invalid argument");
    bundle.config.mounts.pop_back();
    oci::Device device;
    device.path = "/etc/hosts/null";
    bundle.config.linux.devices = {device};
    EXPECT_EQ(bundle.error(), "linux.devices[0] (/etc/hosts/null): Not a directory");
  });
}

TEST_P(ContainerTreeTest, LinksInTheImageDoNotLeadOut) {
  run([](Bundle& bundle) {
    ASSERT_EQ(::symlink((bundle.path() + "/volume").c_str(), (bundle.root() + "/out").c_str()), 0);
    ASSERT_EQ(::symlink("../../../../..", (bundle.root() + "/up").c_str()), 0);
    bundle.config.mounts.push_back(entry("/out/made", "tmpfs", "tmpfs", {}));
    bundle.config.mounts.push_back(entry("/up/made2", "bind", "volume", {"bind"}));
    // A link to what is missing in the container cannot be a mountpoint, and nothing is made outside.
    EXPECT_TRUE(bundle.error().starts_with("mounts[0] (/out/made): "));
    EXPECT_FALSE(std::filesystem::exists(bundle.path() + "/volume/made"));
    bundle.config.mounts.erase(bundle.config.mounts.begin());
    bundle.build();
    EXPECT_TRUE(std::filesystem::is_directory(bundle.root() + "/made2"));
    EXPECT_EQ(bundle.content("/made2/file"), "volume");
  });
}

INSTANTIATE_TEST_SUITE_P(Modes, ContainerTreeTest, ::testing::Values(Ownership::native, Ownership::recorded),
                         [](const auto& parameter) { return parameter.param == Ownership::native ? "Root" : "User"; });

}  // namespace
}  // namespace litebox::rootfs
