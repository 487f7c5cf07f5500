// Recorded ownership on disk: what is written, who reads it, what is hidden, what it survives.
#include <dirent.h>
#include <linux/capability.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "rootfs/override_record.h"
#include "rootfs/posix_acl.h"
#include "tests/unit/rootfs_test_support.h"

namespace litebox::rootfs {
namespace {

std::string xattr_of(const std::string& path) {
  char value[256];
  const ssize_t size = ::lgetxattr(path.c_str(), kOverrideXattr, value, sizeof value);
  return size < 0 ? "none" : std::string(value, static_cast<size_t>(size));
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode;
}

std::string owner_of(const NodePtr& node) {
  const auto status = node->status(root_subject());
  return std::to_string(status->stx_uid) + ":" + std::to_string(status->stx_gid);
}

// The tests below need no privilege: they run as an ordinary user whoever starts them.
#define USER_TEST(name)                        \
  void name##Body(const std::string& path);    \
  TEST(Override, name) {                       \
    EXPECT_EQ(as_ordinary_user([] {            \
                ::umask(0);                    \
                const TempDirectory directory; \
                name##Body(directory.path());  \
              }),                              \
              0);                              \
  }                                            \
  void name##Body(const std::string& path)

NodePtr open_tree_at(const std::string& path) { return host_root(path, Ownership::recorded); }

NodePtr look(const NodePtr& directory, const std::string& name) {
  auto node = directory->lookup(root_subject(), name);
  EXPECT_TRUE(node.ok()) << name << ": " << node.error().message();
  return node.ok() ? *node : nullptr;
}

TEST(Override, RecordsHaveTheFormOfOtherTools) {
  const std::pair<OverrideRecord, const char*> records[] = {
      {{1000, 1011, 0644, S_IFREG, 0}, "1000:1011:0644:file"},
      {{0, 0, 01777, S_IFDIR, 0}, "0:0:1777:dir"},
      {{1, 2, 0777, S_IFLNK, 0}, "1:2:0777:symlink"},
      {{1, 2, 0666, S_IFIFO, 0}, "1:2:0666:pipe"},
      {{1, 2, 0700, S_IFSOCK, 0}, "1:2:0700:socket"},
      {{5, 6, 0600, S_IFBLK, makedev(8, 1)}, "5:6:0600:block-8-1"},
      {{5, 6, 0, S_IFCHR, makedev(1, 3)}, "5:6:0000:char-1-3"},
      {{4294967294U, 1, 04755, S_IFREG, 0}, "4294967294:1:4755:file"},
      {{1, 2, 0644, S_IFREG, 0, ""}, "1:2:0644:file:acl"},
      {{1, 2, 0755, S_IFDIR, 0, std::nullopt, ""}, "1:2:0755:dir:default"},
      {{1, 2, 0755, S_IFDIR, 0, "", ""}, "1:2:0755:dir:acl,default"},
      {{1, 2, 0666, S_IFIFO, 0, std::string("\0\xfe\x10", 3)}, "1:2:0666:pipe:acl=00fe10"},
  };
  for (const auto& [record, text] : records) {
    EXPECT_EQ(record.format(), text);
    const auto parsed = OverrideRecord::parse(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->format(), text);
  }
  const auto old = OverrideRecord::parse("3:4:0100755");  // some write the type's bits
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->uid, 3U);
  EXPECT_EQ(old->permissions, 0755U);
  EXPECT_EQ(old->type, 0U);
  EXPECT_TRUE(OverrideRecord::parse("1:2:755:char-1-3-later").has_value());
  for (const char* text : {"1:2:755:file:", "1:2:755:file:later", "1:2:755:file:acl=0", "1:2:755:file:acl=zz,default=123"}) {
    const auto parsed = OverrideRecord::parse(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_FALSE(parsed->access_acl.has_value() || parsed->default_acl.has_value()) << text;
  }
  EXPECT_TRUE(OverrideRecord::parse("1:2:755:file:later,acl:more")->access_acl.has_value());
  for (const char* text : {"", "1", "1:2", "1:2:", "x:2:644", "1:2:689", "-1:2:644", "1:2:644:", "1:2:644:what",
                           "1:2:644:char-1", "1:2:644:char-x-1", "4294967296:0:644", " 1:2:644", "1:2:644:block--"}) {
    const auto parsed = OverrideRecord::parse(text);
    EXPECT_EQ(parsed.has_value(), std::string(text) == "1:2:644:") << text;
  }
}

USER_TEST(OwnershipIsThereForTheNextContainer) {
  const NodePtr root = open_tree_at(path);
  ASSERT_TRUE(root->create(root_subject(), "f", 0644).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "none");  // what the host can say needs no record
  EXPECT_EQ(owner_of(look(root, "f")), "0:0");
  ASSERT_TRUE(look(root, "f")->change_owner(root_subject(), 5, 6).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "5:6:0644:file");
  ASSERT_TRUE(look(root, "f")->change_mode(root_subject(), 04750).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "5:6:4750:file");
  EXPECT_EQ(mode_of(path + "/f"), S_IFREG | 0750U);  // no set-id bit on the host

  const NodePtr next = open_tree_at(path);
  const auto status = look(next, "f")->status(root_subject());
  EXPECT_EQ(status->stx_uid, 5U);
  EXPECT_EQ(status->stx_gid, 6U);
  EXPECT_EQ(status->stx_mode, S_IFREG | 04750U);
  ASSERT_TRUE(look(next, "f")->change_owner(root_subject(), 0, 0).ok());
  ASSERT_TRUE(look(next, "f")->change_mode(root_subject(), 0644).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "0:0:0644:file");
}

// A tree of podman's storage, which keeps a record of every file and cannot read one that has none.
USER_TEST(WhatIsMadeWhereRecordsAreKeptHasOne) {
  ASSERT_EQ(::setxattr(path.c_str(), kOverrideXattr, "0:0:0755", 8, 0), 0);
  const NodePtr root = open_tree_at(path);
  ASSERT_TRUE(root->create(root_subject(), "f", 0644).ok());
  ASSERT_TRUE(root->make_directory(root_subject(), "d", 0755).ok());
  ASSERT_TRUE(look(root, "d")->create(root_subject(), "in", 0600).ok());
  ASSERT_TRUE(root->make_node(root_subject(), "fifo", S_IFIFO | 0644, 0).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "0:0:0644:file");
  EXPECT_EQ(xattr_of(path + "/d"), "0:0:0755:dir");
  EXPECT_EQ(xattr_of(path + "/d/in"), "0:0:0600:file");
  ASSERT_TRUE(look(root, "f")->change_owner(root_subject(), 5, 6).ok());
  ASSERT_TRUE(look(root, "f")->change_owner(root_subject(), 0, 0).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "0:0:0644:file");
}

USER_TEST(RootWorksOnFilesThatNobodyMayUse) {
  write_file(path + "/shadow", "secret", 0);
  ASSERT_EQ(::mkdir((path + "/closed").c_str(), 0700), 0);
  write_file(path + "/closed/in", "in", 0400);
  ASSERT_EQ(::chmod((path + "/closed").c_str(), 0), 0);
  const NodePtr root = open_tree_at(path);
  EXPECT_EQ(look(root, "shadow")->open(subject_of(0, 0), O_RDONLY).error().number(), EACCES);
  EXPECT_EQ(mode_of(path + "/shadow"), static_cast<mode_t>(S_IFREG));
  auto fd = look(root, "shadow")->open(root_subject(), O_RDWR);
  ASSERT_TRUE(fd.ok());
  // The host's mode had to change; the container's did not.
  EXPECT_EQ(xattr_of(path + "/shadow"), "0:0:0000:file");
  EXPECT_EQ(look(root, "shadow")->status(root_subject())->stx_mode, static_cast<mode_t>(S_IFREG));
  EXPECT_TRUE(look(look(root, "closed"), "in")->open(root_subject(), O_WRONLY).ok());
  EXPECT_EQ(look(root, "closed")->status(root_subject())->stx_mode, static_cast<mode_t>(S_IFDIR));
  EXPECT_TRUE(look(root, "closed")->create(root_subject(), "new", 0644).ok());
  EXPECT_EQ(look(root, "closed")->read_directory(root_subject(), 0, 4096)->size(), 4U);
  EXPECT_EQ(look(root, "closed")->lookup(subject_of(0, 0), "in").error().number(), EACCES);
}

USER_TEST(DeviceNodesAreRecords) {
  const NodePtr root = open_tree_at(path);
  ASSERT_TRUE(root->make_node(root_subject(), "null", S_IFCHR | 0666, makedev(1, 3)).ok());
  ASSERT_TRUE(root->make_node(root_subject(), "disk", S_IFBLK | 0660, makedev(8, 1)).ok());
  EXPECT_EQ(root->make_node(subject_of(0, 0), "other", S_IFCHR | 0666, makedev(1, 3)).error().number(), EPERM);
  EXPECT_EQ(xattr_of(path + "/null"), "0:0:0644:char-1-3");  // the umask of 022
  EXPECT_EQ(xattr_of(path + "/disk"), "0:0:0640:block-8-1");
  const NodePtr next = open_tree_at(path);
  EXPECT_EQ(look(next, "disk")->type(), static_cast<mode_t>(S_IFBLK));
  EXPECT_EQ(look(next, "disk")->status(root_subject())->stx_rdev_major, 8U);
  EXPECT_EQ(look(next, "disk")->open(root_subject(), O_RDONLY).error().number(), EPERM);
  auto null = look(next, "null")->open(root_subject(), O_RDWR);
  ASSERT_TRUE(null.ok());
  struct stat status {};
  ASSERT_EQ(::fstat(null->get(), &status), 0);
  EXPECT_EQ(status.st_rdev, makedev(1, 3));
  const auto listed = next->read_directory(root_subject(), 0, 4096);
  ASSERT_TRUE(listed.ok());
  for (const DirectoryEntry& entry : *listed) {
    if (entry.name == "null") {
      EXPECT_EQ(entry.type, DT_CHR);
    } else if (entry.name == "disk") {
      EXPECT_EQ(entry.type, DT_BLK);
    }
  }
}

// Neither the journal's making nor its rewriting (after some dozens of records) is a change that the container has made.
USER_TEST(TheJournalLeavesNoTraceInTimes) {
  const NodePtr root = open_tree_at(path);
  const struct timespec times[2] = {{1000, 0}, {2000, 0}};
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(root->make_symlink(root_subject(), "link", "target").ok());
    ASSERT_TRUE(root->change_times(root_subject(), times).ok());
    ASSERT_TRUE(look(root, "link")->change_owner(root_subject(), 5, 6 + i).ok());
    EXPECT_EQ(root->status(root_subject())->stx_mtime.tv_sec, 2000) << i;
    ASSERT_TRUE(root->unlink(root_subject(), "link").ok());
  }
}

USER_TEST(LinksAndFifosKeepTheirOwnerThroughRenames) {
  {
    const NodePtr root = open_tree_at(path);
    ASSERT_TRUE(root->make_symlink(root_subject(), "link", "target").ok());
    ASSERT_TRUE(root->make_node(root_subject(), "fifo", S_IFIFO | 0640, 0).ok());
    ASSERT_TRUE(root->make_directory(root_subject(), "d", 0755).ok());
    EXPECT_FALSE(std::filesystem::exists(path + "/" + kOverrideStoreName));  // nothing to say yet
    ASSERT_TRUE(look(root, "link")->change_owner(root_subject(), 7, 8).ok());
    ASSERT_TRUE(look(root, "fifo")->change_owner(root_subject(), 9, 10).ok());
    EXPECT_TRUE(root->make_symlink(subject_of(33, ~0ULL), "mine", "x").ok());
    ASSERT_TRUE(root->rename(root_subject(), "link", look(root, "d"), "moved", 0).ok());
    ASSERT_TRUE(root->link(root_subject(), "fifo2", look(root, "fifo")).ok());
  }
  const NodePtr root = open_tree_at(path);
  EXPECT_EQ(owner_of(look(look(root, "d"), "moved")), "7:8");
  EXPECT_EQ(owner_of(look(root, "fifo2")), "9:10");
  EXPECT_EQ(owner_of(look(root, "mine")), "33:33");
  // Moved by someone on the host.
  ASSERT_EQ(::rename((path + "/mine").c_str(), (path + "/d/yours").c_str()), 0);
  EXPECT_EQ(owner_of(look(look(root, "d"), "yours")), "33:33");
  // A new file never gets an old one's record, whatever inode number it gets.
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(root->make_symlink(root_subject(), "again", "x").ok());
    EXPECT_EQ(owner_of(look(root, "again")), "0:0");
    ASSERT_TRUE(look(root, "again")->change_owner(root_subject(), 50, 50).ok());
    if (i % 2 == 0) {
      ASSERT_TRUE(root->unlink(root_subject(), "again").ok());
    } else {
      ASSERT_EQ(::unlink((path + "/again").c_str()), 0);
    }
  }
}

USER_TEST(AclsAreThereForTheNextContainer) {
  const auto named = [](uint16_t permissions) {
    return PosixAcl({{PosixAcl::kOwner, 7},
                     {PosixAcl::kUser, permissions, 5},
                     {PosixAcl::kOwningGroup, 5},
                     {PosixAcl::kMask, 7},
                     {PosixAcl::kOthers, 0}})
        .format();
  };
  const std::string kept = kept_name(kAccessAcl);
  {
    const NodePtr root = open_tree_at(path);
    ASSERT_TRUE(root->make_directory(root_subject(), "d", 0755).ok());
    ASSERT_TRUE(look(root, "d")->set_xattr(root_subject(), kDefaultAcl, named(6), {}).ok());
    ASSERT_TRUE(root->create(root_subject(), "f", 0644).ok());
    ASSERT_TRUE(look(root, "f")->set_xattr(root_subject(), kAccessAcl, named(7), {}).ok());
    ASSERT_TRUE(root->make_node(root_subject(), "fifo", S_IFIFO | 0640, 0).ok());
    ASSERT_TRUE(look(root, "fifo")->set_xattr(root_subject(), kAccessAcl, named(4), {}).ok());
  }
  EXPECT_EQ(xattr_of(path + "/f"), "0:0:0770:file:acl");
  EXPECT_EQ(xattr_of(path + "/d"), "0:0:0755:dir:default");
  const NodePtr root = open_tree_at(path);
  EXPECT_EQ(look(root, "d")->get_xattr(root_subject(), kDefaultAcl).value(), named(6));
  EXPECT_EQ(look(root, "f")->get_xattr(root_subject(), kAccessAcl).value(), named(7));
  EXPECT_EQ(look(root, "fifo")->get_xattr(root_subject(), kAccessAcl).value(), named(4));
  EXPECT_EQ(*look(root, "fifo")->list_xattrs(root_subject()), std::vector<std::string>{kAccessAcl});
  // Guests do not see where they are kept.
  EXPECT_EQ(*look(root, "f")->list_xattrs(root_subject()), std::vector<std::string>{kAccessAcl});
  EXPECT_EQ(look(root, "f")->get_xattr(root_subject(), kept).error().number(), ENODATA);
  EXPECT_EQ(look(root, "f")->set_xattr(root_subject(), kept, named(7), {}).error().number(), EPERM);
  ASSERT_TRUE(look(root, "f")->change_owner(root_subject(), 8, 9).ok());
  EXPECT_EQ(look(root, "f")->get_xattr(root_subject(), kAccessAcl).value(), named(7));
  ASSERT_TRUE(look(root, "f")->remove_xattr(root_subject(), kAccessAcl).ok());
  EXPECT_EQ(xattr_of(path + "/f"), "8:9:0770:file");
  EXPECT_LT(::getxattr((path + "/f").c_str(), kept.c_str(), nullptr, 0), 0);
  // One that no record tells of, because another tool has written the record, is none.
  ASSERT_EQ(::setxattr((path + "/f").c_str(), kept.c_str(), named(7).data(), named(7).size(), 0), 0);
  EXPECT_EQ(look(root, "f")->get_xattr(root_subject(), kAccessAcl).error().number(), ENODATA);
  EXPECT_TRUE(look(root, "f")->list_xattrs(root_subject())->empty());
}

USER_TEST(TwoContainersShareTheRecordsOfOneTree) {
  const NodePtr one = open_tree_at(path);
  const NodePtr two = open_tree_at(path);
  for (int i = 0; i < 300; ++i) {
    const NodePtr& writer = i % 2 == 0 ? one : two;
    const NodePtr& reader = i % 2 == 0 ? two : one;
    const std::string name = "l" + std::to_string(i % 10);
    if (i < 10) {
      ASSERT_TRUE(writer->make_symlink(root_subject(), name, "x").ok());
    }
    ASSERT_TRUE(look(writer, name)->change_owner(root_subject(), 100U + static_cast<uid_t>(i), 1).ok());
    ASSERT_EQ(owner_of(look(reader, name)), std::to_string(100 + i) + ":1");
  }
  // The journal was rewritten on the way.
  std::ifstream journal(path + "/" + kOverrideStoreName);
  EXPECT_LT(std::count(std::istreambuf_iterator<char>(journal), {}, '\n'), 100);
}

USER_TEST(GuestsDoNotSeeTheRecords) {
  const NodePtr root = open_tree_at(path);
  ASSERT_TRUE(root->create(root_subject(), "f", 0600).ok());
  ASSERT_TRUE(look(root, "f")->change_owner(root_subject(), 5, 6).ok());
  ASSERT_TRUE(look(root, "f")->set_xattr(root_subject(), "user.mine", "1", {}).ok());
  EXPECT_EQ(*look(root, "f")->list_xattrs(root_subject()), std::vector<std::string>{"user.mine"});
  EXPECT_EQ(look(root, "f")->get_xattr(root_subject(), kOverrideXattr).error().number(), ENODATA);
  EXPECT_EQ(look(root, "f")->set_xattr(root_subject(), kOverrideXattr, "0:0:0777:file", {}).error().number(), EPERM);
  EXPECT_EQ(look(root, "f")->remove_xattr(root_subject(), kOverrideXattr).error().number(), ENODATA);
  EXPECT_EQ(owner_of(look(root, "f")), "5:6");

  ASSERT_TRUE(root->make_symlink(root_subject(), "link", "x").ok());
  ASSERT_TRUE(look(root, "link")->change_owner(root_subject(), 1, 1).ok());
  const std::string hidden = kOverrideStoreName;
  ASSERT_TRUE(std::filesystem::exists(path + "/" + hidden));
  EXPECT_EQ(root->lookup(root_subject(), hidden).error().number(), ENOENT);
  EXPECT_EQ(root->unlink(root_subject(), hidden).error().number(), ENOENT);
  EXPECT_EQ(root->rename(root_subject(), hidden, root, "x", 0).error().number(), ENOENT);
  EXPECT_EQ(root->rename(root_subject(), "f", root, hidden, 0).error().number(), EPERM);
  EXPECT_EQ(root->link(root_subject(), hidden, look(root, "f")).error().number(), EPERM);
  EXPECT_EQ(root->create(root_subject(), hidden, 0644).error().number(), EPERM);
  for (const size_t budget : {1U, 4096U}) {
    int64_t offset = 0;
    std::vector<std::string> names;
    while (true) {
      const auto entries = root->read_directory(root_subject(), offset, budget);
      ASSERT_TRUE(entries.ok());
      if (entries->empty()) break;
      for (const DirectoryEntry& entry : *entries) {
        names.push_back(entry.name);
        offset = entry.next;
      }
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{".", "..", "f", "link"}));
  }
  const auto tree = tree_over(path, Ownership::recorded);
  for (const std::string& name : {"/" + hidden, "/./" + hidden, hidden}) {
    EXPECT_EQ(tree->resolve(root_subject(), tree->root(), tree->root(), name).error().number(), ENOENT) << name;
  }
  // Below the root it is a name like any other.
  ASSERT_TRUE(root->make_directory(root_subject(), "d", 0755).ok());
  ASSERT_TRUE(look(root, "d")->create(root_subject(), hidden, 0644).ok());
  EXPECT_TRUE(tree->resolve(root_subject(), tree->root(), tree->root(), "/d/" + hidden).ok());
}

// An image can bring anything under the journal's name.
USER_TEST(AForeignJournalDoesNoHarm) {
  const std::string journal = path + "/" + kOverrideStoreName;
  const TempDirectory outside;
  const auto try_it = [&] {
    const NodePtr root = open_tree_at(path);
    ASSERT_TRUE(root->make_symlink(root_subject(), "l", "x").ok());
    EXPECT_EQ(owner_of(look(root, "l")), "0:0");
    (void)look(root, "l")->change_owner(root_subject(), 3, 3);
    ASSERT_TRUE(root->unlink(root_subject(), "l").ok());
  };
  ASSERT_EQ(::symlink((outside / "victim").c_str(), journal.c_str()), 0);
  try_it();
  EXPECT_FALSE(std::filesystem::exists(outside / "victim"));
  ASSERT_EQ(::unlink(journal.c_str()), 0);
  ASSERT_EQ(::mkfifo(journal.c_str(), 0600), 0);
  try_it();
  ASSERT_EQ(::unlink(journal.c_str()), 0);
  ASSERT_EQ(::mkdir(journal.c_str(), 0700), 0);
  try_it();
  ASSERT_EQ(::rmdir(journal.c_str()), 0);
  write_file(journal, std::string("\0\0\xff 1 2 3:4:5\n9 9\n1 2 3 -\nno end", 32));
  try_it();
}

// A full disk, or the end of whoever wrote it.
USER_TEST(AJournalThatWasCutOffGoesOn) {
  const std::string journal = path + "/" + kOverrideStoreName;
  const NodePtr root = open_tree_at(path);
  ASSERT_TRUE(root->make_symlink(root_subject(), "one", "x").ok());
  ASSERT_TRUE(root->make_symlink(root_subject(), "two", "x").ok());
  for (const std::string& unfinished : {std::string("12 3"), std::string(300, ' '), std::string("1 2 3 4:5:0644:char-1-3")}) {
    ASSERT_TRUE(look(root, "one")->change_owner(root_subject(), 3, 3).ok());
    std::ofstream(journal, std::ios::app) << unfinished;
    ASSERT_TRUE(look(root, "two")->change_owner(root_subject(), 4, 4).ok());
    EXPECT_EQ(owner_of(look(open_tree_at(path), "one")), "3:3");
    EXPECT_EQ(owner_of(look(open_tree_at(path), "two")), "4:4") << unfinished;
    const std::string text{std::istreambuf_iterator<char>(std::ifstream(journal).rdbuf()), {}};
    EXPECT_EQ(text.find("char-1-3"), std::string::npos);
    ASSERT_EQ(::unlink(journal.c_str()), 0);
  }
}

USER_TEST(FilesOfOtherHostUsersStayTheirs) {
  const NodePtr root = host_root("/etc", Ownership::recorded);
  EXPECT_EQ(owner_of(look(root, "passwd")), "65534:65534");
  EXPECT_EQ(look(root, "passwd")->change_owner(root_subject(), 0, 0).error().number(), EPERM);
  EXPECT_EQ(look(root, "passwd")->change_mode(root_subject(), 0666).error().number(), EPERM);
  EXPECT_EQ(look(root, "passwd")->open(root_subject(), O_WRONLY).error().number(), EACCES);
  EXPECT_TRUE(look(root, "passwd")->open(root_subject(), O_RDONLY).ok());
  EXPECT_EQ(root->create(root_subject(), "litebox-test", 0644).error().number(), EACCES);
  (void)path;
}

USER_TEST(TemporaryFilesBelongToTheirMaker) {
  const NodePtr root = open_tree_at(path);
  ASSERT_TRUE(root->change_mode(root_subject(), 0777).ok());
  auto made = root->open_temporary(subject_of(44, 0), O_RDWR, 0600);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(::write(made->get(), "x", 1), 1);
  ASSERT_EQ(::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(made->get())).c_str(), AT_FDCWD, (path + "/named").c_str(),
                     AT_SYMLINK_FOLLOW),
            0);
  EXPECT_EQ(owner_of(look(root, "named")), "44:44");
}

}  // namespace
}  // namespace litebox::rootfs
