#include "runtime/state_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temporary_directory.h"

namespace litebox::runtime {
namespace {

TEST(StateDirectory, IdIsTakenOnce) {
  const test::TemporaryDirectory root;
  ASSERT_TRUE(StateDirectory::create(root.path(), "one").ok());
  const auto second = StateDirectory::create(root.path(), "one");
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message().find("already exists"), std::string::npos);
  struct stat status {};
  ASSERT_EQ(stat((root / "one").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
}

TEST(StateDirectory, MissingContainerHasTheTextThatCallersMatch) {
  const test::TemporaryDirectory root;
  const auto missing = StateDirectory::open(root.path(), "gone");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message().find("container does not exist"), std::string::npos);
  EXPECT_FALSE(StateDirectory::open(root.path(), "..").ok());
}

TEST(StateDirectory, RecordSurvivesTheFile) {
  const test::TemporaryDirectory root;
  const auto directory = StateDirectory::create(root.path(), "one");
  ASSERT_TRUE(directory.ok());
  EXPECT_EQ(directory->read_record().error().number(), ENOENT);
  StateRecord record;
  record.id = "one";
  record.oci_version = "1.0.2";
  record.bundle = "/b \"quoted\"";
  record.rootfs = "/b/rootfs";
  record.created = "2026-11-24T02:39:07.25Z";
  record.owner = "root";
  record.annotations = {{"a", "b"}};
  record.creator = {1, 2};
  record.keeper = {3, 4};
  record.monitor = {5, UINT64_MAX};
  record.complete = true;
  record.membership = 0xfffffffe;
  record.cgroup_path = "/litebox/one";
  record.container_cgroups = {"/x/one"};
  record.monitor_cgroups = {"/x/one-monitor"};
  record.parent_cgroups = {"/x"};
  ASSERT_TRUE(directory->write_record(record).ok());
  const auto read = directory->read_record();
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(record_to_json(*read), record_to_json(record));
  EXPECT_EQ(read->monitor, record.monitor);
  EXPECT_EQ(read->membership, record.membership);
}

TEST(StateDirectory, BrokenRecordIsAnErrorNotACrash) {
  for (const char* text : {"", "{", "null", "[]", "{\"id\":1}", "{\"id\":\"x\"}"})
    EXPECT_FALSE(record_from_json(text).ok()) << text;
}

TEST(StateDirectory, LockExcludesOthersAndDiesWithItsHolder) {
  const test::TemporaryDirectory root;
  auto holder = StateDirectory::create(root.path(), "one");
  ASSERT_TRUE(holder.ok());
  auto other = StateDirectory::open(root.path(), "one");
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->lock(20).error().number(), ETIMEDOUT);
  holder->unlock();
  EXPECT_TRUE(other->lock(0).ok());
}

TEST(StateDirectory, LockNoticesThatTheContainerWasDeleted) {
  const test::TemporaryDirectory root;
  auto first = StateDirectory::create(root.path(), "one");
  ASSERT_TRUE(first.ok());
  auto late = StateDirectory::open(root.path(), "one");
  ASSERT_TRUE(late.ok());
  ASSERT_TRUE(first->remove().ok());
  first->unlock();
  EXPECT_FALSE(late->lock(0).ok());
  // The same name again is another container.
  ASSERT_TRUE(StateDirectory::create(root.path(), "one").ok());
  EXPECT_FALSE(late->lock(0).ok());
}

TEST(StateDirectory, ListsDirectoriesOnly) {
  const test::TemporaryDirectory root;
  ASSERT_TRUE(StateDirectory::create(root.path(), "b").ok());
  ASSERT_TRUE(StateDirectory::create(root.path(), "a").ok());
  test::write_text(root / "file", "");
  ASSERT_EQ(symlink("a", (root / "link").c_str()), 0);
  EXPECT_EQ(*StateDirectory::list(root.path()), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(StateDirectory::list(root / "none").error().number(), ENOENT);
}

TEST(RemoveTree, FollowsNothingOutAndMindsNoDepth) {
  const test::TemporaryDirectory root;
  std::filesystem::create_directory(root / "outside");
  test::write_text(root / "outside/kept", "x");
  std::filesystem::create_directory(root / "tree");
  ASSERT_EQ(symlink("../outside", (root / "tree/link").c_str()), 0);
  Fd level(open((root / "tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < 3000; ++depth) {
    ASSERT_EQ(mkdirat(level.get(), "d", 0700), 0);
    level = Fd(openat(level.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(level.valid());
  }
  for (int i = 0; i < 2000; ++i) test::write_text(root / ("tree/file" + std::to_string(i)), "");
  std::filesystem::create_directory(root / "tree/closed");
  test::write_text(root / "tree/closed/file", "");
  ASSERT_EQ(chmod((root / "tree/closed").c_str(), 0), 0);
  const Fd parent(open(root.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Status removed = remove_tree(parent.get(), "tree");
  ASSERT_TRUE(removed.ok()) << removed.error().message();
  EXPECT_FALSE(std::filesystem::exists(root / "tree"));
  EXPECT_EQ(test::read_text(root / "outside/kept"), "x");
  EXPECT_TRUE(remove_tree(parent.get(), "tree").ok()) << "what is not there is removed";
}

TEST(ReplaceFile, LeavesTheOldTextWhenItFails) {
  const test::TemporaryDirectory root;
  test::write_text(root / "file", "old");
  EXPECT_FALSE(replace_file(AT_FDCWD, root / "missing/file", "new", 0644).ok());
  ASSERT_TRUE(replace_file(AT_FDCWD, root / "file", "new", 0640).ok());
  EXPECT_EQ(test::read_text(root / "file"), "new");
  struct stat status {};
  ASSERT_EQ(stat((root / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(root.path())) ++entries;
  EXPECT_EQ(entries, 1U) << "a temporary file was left";
}

}  // namespace
}  // namespace litebox::runtime
