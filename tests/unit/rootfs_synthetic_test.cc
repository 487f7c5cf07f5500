#include "rootfs/synthetic.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

namespace litebox::rootfs {
namespace {

Subject subject_of(uid_t uid, uint64_t capabilities) {
  Subject subject;
  subject.identity = std::make_shared<const Identity>(Identity{uid, uid, {}, capabilities});
  return subject;
}

Subject root_subject() { return subject_of(0, ~0ULL); }

class Numbers : public SyntheticDirectory {
 public:
  using SyntheticDirectory::SyntheticDirectory;

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    if (name != "7") return NodePtr();
    return NodePtr(std::make_shared<SyntheticDirectory>(child_attributes(name, S_IFDIR | 0555)));
  }
  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    return std::vector<DirectoryEntry>{{0, kFirstDynamicOffset + 7, DT_DIR, "7"}};
  }
};

class SyntheticTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/litebox-synthetic-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    scratch_ = pattern;
    auto registry = DescriptorRegistry::make(scratch_);
    ASSERT_TRUE(registry.ok()) << registry.error().message();
    registry_ = *registry;
    file_system_ = std::make_shared<SyntheticFileSystem>("proc", PROC_SUPER_MAGIC, registry_);
    directory_ = std::make_shared<Numbers>(SyntheticAttributes{file_system_, nullptr, 1, S_IFDIR | 0555, 0, 0});
    directory_->add_file("hello", 0440, [](const Subject&) { return Result<std::string>("world\n"); });
    directory_->add_symlink("link", [](const Subject&) { return Result<std::string>("hello"); });
    directory_->add_directory("sub", 0555, [](SyntheticDirectory& sub) {
      sub.add_file("deep", 0444, [](const Subject&) { return Result<std::string>("x"); });
    });
  }
  void TearDown() override {
    registry_->forget_all();
    std::filesystem::remove_all(scratch_);
  }

  std::string scratch_;
  std::shared_ptr<DescriptorRegistry> registry_;
  SyntheticFileSystemPtr file_system_;
  std::shared_ptr<SyntheticDirectory> directory_;
};

TEST_F(SyntheticTest, FileShowsItsContentAndCannotBeChanged) {
  auto node = directory_->lookup(root_subject(), "hello");
  ASSERT_TRUE(node.ok());
  auto fd = (*node)->open(root_subject(), O_RDWR);
  ASSERT_TRUE(fd.ok()) << fd.error().message();
  char buffer[16] = {};
  EXPECT_EQ(::read(fd->get(), buffer, sizeof buffer), 6);
  EXPECT_STREQ(buffer, "world\n");
  EXPECT_EQ(::write(fd->get(), "x", 1), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::fcntl(fd->get(), F_GETFL) & O_ACCMODE, O_RDWR);
}

TEST_F(SyntheticTest, PermissionsHold) {
  auto node = directory_->lookup(subject_of(5, 0), "hello");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ((*node)->open(subject_of(5, 0), O_RDONLY).error().number(), EACCES);
  EXPECT_TRUE((*node)->open(subject_of(5, 0), O_PATH).ok());
  EXPECT_TRUE((*node)->open(subject_of(5, 1ULL << CAP_DAC_READ_SEARCH), O_RDONLY).ok());
  EXPECT_EQ(directory_->open(root_subject(), O_WRONLY).error().number(), EISDIR);
  EXPECT_EQ(directory_->lookup(root_subject(), "absent").error().number(), ENOENT);
  EXPECT_EQ((*node)->lookup(root_subject(), "x").error().number(), ENOTDIR);
}

TEST_F(SyntheticTest, InodeNumbersAreTheSameAtEveryLookup) {
  auto one = directory_->lookup(root_subject(), "sub");
  auto two = directory_->lookup(root_subject(), "sub");
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ((*one)->key(), (*two)->key());
  auto deep = (*one)->lookup(root_subject(), "deep");
  ASSERT_TRUE(deep.ok());
  EXPECT_FALSE((*deep)->key() == (*one)->key());
  auto above = (*deep)->parent(root_subject());
  ASSERT_TRUE(above.ok());
  EXPECT_EQ((*above)->key(), (*one)->key());
}

TEST_F(SyntheticTest, ListsEverythingOnceWhateverTheBudget) {
  for (const size_t budget : {1U, 24U, 60U, 4096U}) {
    std::vector<std::string> names;
    int64_t offset = 0;
    while (true) {
      auto entries = directory_->read_directory(root_subject(), offset, budget);
      ASSERT_TRUE(entries.ok());
      if (entries->empty()) break;
      for (const DirectoryEntry& entry : *entries) {
        names.push_back(entry.name);
        offset = entry.next;
      }
    }
    EXPECT_EQ(names, (std::vector<std::string>{".", "..", "hello", "link", "sub", "7"}));
  }
}

TEST_F(SyntheticTest, DescriptorsLeadBackToTheirNodes) {
  auto directory = directory_->open(root_subject(), O_RDONLY | O_DIRECTORY);
  auto dynamic = directory_->lookup(root_subject(), "7");
  ASSERT_TRUE(directory.ok() && dynamic.ok());
  auto other = (*dynamic)->open(root_subject(), O_PATH);
  auto link = directory_->lookup(root_subject(), "link");
  ASSERT_TRUE(link.ok() && other.ok());
  EXPECT_EQ((*link)->open(root_subject(), O_RDONLY).error().number(), ELOOP);
  auto link_fd = (*link)->open(root_subject(), O_PATH);
  auto file_fd = (*directory_->lookup(root_subject(), "hello"))->open(root_subject(), O_RDONLY);
  ASSERT_TRUE(link_fd.ok() && file_fd.ok());
  EXPECT_EQ(registry_->find(directory->get()), directory_);
  EXPECT_EQ(registry_->find(other->get())->key(), (*dynamic)->key());
  EXPECT_EQ(registry_->find(link_fd->get())->type(), static_cast<mode_t>(S_IFLNK));
  EXPECT_EQ(registry_->find(file_fd->get())->type(), static_cast<mode_t>(S_IFREG));
  const Fd outside(::open("/", O_PATH | O_CLOEXEC));
  EXPECT_EQ(registry_->find(outside.get()), nullptr);
  // Nothing that a name could reach is left, and nothing can be made in it.
  EXPECT_TRUE(std::filesystem::is_empty(scratch_ + "/descriptors"));
  EXPECT_EQ(::mkdirat(directory->get(), "x", 0777), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(SyntheticTest, ClosedDescriptorsAreForgotten) {
  const std::weak_ptr<Node> gone = [this] {
    auto node = *directory_->lookup(root_subject(), "7");
    auto fd = node->open(root_subject(), O_RDONLY);
    const Fd copy(::dup(fd->get()));
    fd->reset();
    EXPECT_EQ(registry_->find(copy.get()), node);
    return std::weak_ptr<Node>(node);
  }();
  // Opening the next one, or asking for one that is known, looks at what has ended.
  const Fd next = std::move(*directory_->open(root_subject(), O_RDONLY));
  EXPECT_TRUE(gone.expired());
}

TEST_F(SyntheticTest, ClosedDescriptorsAreForgottenEvenWhenTheKernelLosesEvents) {
  constexpr int kMany = 9000;  // two events each, in a queue of 16384 (fs.inotify.max_queued_events)
  struct rlimit limit {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < kMany + 100) GTEST_SKIP() << "needs " << kMany << " open files";
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);

  const std::shared_ptr<Node> kept = *directory_->lookup(root_subject(), "7");
  const Fd kept_fd = std::move(*kept->open(root_subject(), O_RDONLY));
  std::vector<std::weak_ptr<Node>> nodes;
  std::vector<Fd> open;
  for (int i = 0; i < kMany; ++i) {
    auto node = *directory_->lookup(root_subject(), "hello");
    open.emplace_back(::memfd_create("content", MFD_CLOEXEC));
    ASSERT_TRUE(open.back().valid());
    registry_->remember(open.back().get(), node);
    nodes.push_back(node);
  }
  EXPECT_FALSE(nodes.front().expired());
  open.clear();
  EXPECT_EQ(registry_->find(kept_fd.get()), kept);
  for (const auto& node : nodes) ASSERT_TRUE(node.expired());
}

}  // namespace
}  // namespace litebox::rootfs
