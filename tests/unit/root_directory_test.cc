#include "runtime/root_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_directory.h"

namespace litebox::runtime {
namespace {

std::string chosen(const std::optional<std::string>& given, Rootless rootless, const RootEnvironment& environment) {
  const auto root = choose_root(given, rootless, environment);
  return root.ok() ? root->path : "error: " + root.error().message();
}

TEST(RootDirectory, DependsOnTheUser) {
  const auto automatic = Rootless::automatic;
  EXPECT_EQ(chosen({}, automatic, {0, false, ""}), "/run/litebox");
  EXPECT_EQ(chosen({}, automatic, {0, false, "/run/user/0"}), "/run/litebox");
  EXPECT_EQ(chosen({}, automatic, {1000, false, "/run/user/1000"}), "/run/user/1000/litebox");
  EXPECT_EQ(chosen({}, automatic, {1000, false, ""}), "/tmp/litebox-1000");
  EXPECT_EQ(chosen({}, automatic, {1000, false, "relative"}), "/tmp/litebox-1000");
  EXPECT_EQ(chosen({}, automatic, {0, true, "/run/user/1000"}), "/run/user/1000/litebox");
  EXPECT_EQ(chosen({}, automatic, {0, true, ""}), "/run/litebox");
}

TEST(RootDirectory, RootlessOverridesTheChoice) {
  EXPECT_EQ(chosen({}, Rootless::yes, {0, false, "/x"}), "/x/litebox");
  EXPECT_EQ(chosen({}, Rootless::no, {1000, false, "/x"}), "/run/litebox");
}

TEST(RootDirectory, GivenOneIsMadeAbsolute) {
  EXPECT_EQ(chosen("/a/b/../c/", Rootless::automatic, {}), "/a/c");
  EXPECT_EQ(chosen("x", Rootless::automatic, {}), std::filesystem::current_path().string() + "/x");
  for (const char* bad : {"/", "//", "/a/..", ""}) EXPECT_EQ(chosen(bad, Rootless::automatic, {}).rfind("error", 0), 0U) << bad;
}

TEST(RootDirectory, IsMadePrivate) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "a/b";
  ASSERT_TRUE(make_root({path, false, true}).ok());
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  EXPECT_TRUE(make_root({path, false, true}).ok()) << "a second time";
}

TEST(RootDirectory, DefaultOneMustBeTheCallersAlone) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "open";
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  EXPECT_FALSE(make_root({path, false, true}).ok());
  EXPECT_TRUE(make_root({path, true, false}).ok()) << "who names it has chosen it";
  const std::string link = directory / "link";
  ASSERT_EQ(symlink(directory.path().c_str(), link.c_str()), 0);
  EXPECT_FALSE(make_root({link, false, true}).ok());
}

}  // namespace
}  // namespace litebox::runtime
