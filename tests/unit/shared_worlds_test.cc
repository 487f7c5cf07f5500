// What containers that join each other's worlds share: names and the list of who belongs together.
#include <gtest/gtest.h>

#include <filesystem>

#include "shim/kernel/shared_names.h"
#include "shim/kernel/shared_processes.h"
#include "tests/unit/temporary_directory.h"

namespace litebox::kernel {
namespace {

class SharedWorlds : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  test::TemporaryDirectory directory_;
};

TEST_F(SharedWorlds, NamesAreTheSameToAll) {
  auto first = SharedNames::create(path("names"));
  auto second = SharedNames::open(path("names"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->host_name(), "");
  first->set_host_name("one");
  first->set_domain_name("two");
  EXPECT_EQ(second->host_name(), "one");
  EXPECT_EQ(second->domain_name(), "two");
  second->set_host_name("x");
  EXPECT_EQ(first->host_name(), "x");
  EXPECT_EQ(first->domain_name(), "two");
}

TEST_F(SharedWorlds, NamesAreCutAndOutliveTheirFile) {
  auto names = SharedNames::create(path("names"));
  ASSERT_TRUE(names.ok());
  names->set_domain_name("domain");
  names->set_host_name(std::string(100, 'a'));
  EXPECT_EQ(names->host_name(), std::string(64, 'a'));
  EXPECT_EQ(names->domain_name(), "domain");
  EXPECT_FALSE(SharedNames::create(path("names")).ok());
  std::filesystem::remove(path("names"));
  EXPECT_EQ(names->domain_name(), "domain");
  EXPECT_FALSE(SharedNames::open(path("names")).ok());
}

TEST_F(SharedWorlds, ContainersFindEachOther) {
  auto first = SharedProcesses::create(path("processes"));
  auto second = SharedProcesses::open(path("processes"));
  ASSERT_TRUE(first.ok() && second.ok());
  std::filesystem::create_directory(path("one"));
  std::filesystem::create_directory(path("two"));
  ASSERT_TRUE(first->add(11, path("one")).ok());
  EXPECT_FALSE(first->has_others(11));
  first->set_first(HostPid(77));
  ASSERT_TRUE(second->add(22, path("two")).ok());
  EXPECT_TRUE(first->has_others(11));
  EXPECT_TRUE(second->has_others(22));
  EXPECT_EQ(first->directory_of(22), path("two"));
  EXPECT_EQ(second->directory_of(11), path("one"));
  EXPECT_EQ(second->directory_of(33), std::nullopt);
  EXPECT_EQ(second->directory_of(0), std::nullopt);
  EXPECT_EQ(second->first(), HostPid(77));
}

TEST_F(SharedWorlds, PlacesOfDeletedContainersAreTakenAgain) {
  auto processes = SharedProcesses::create(path("processes"));
  ASSERT_TRUE(processes.ok());
  std::filesystem::create_directory(path("kept"));
  uint32_t prefix = 1;
  while (processes->add(prefix, path("kept")).ok()) ++prefix;
  EXPECT_EQ(processes->add(prefix, path("kept")).error().number(), ENOSPC);
  EXPECT_EQ(prefix, 65U);
  std::filesystem::remove(path("kept"));
  std::filesystem::create_directory(path("new"));
  EXPECT_TRUE(processes->add(100, path("new")).ok());
  EXPECT_EQ(processes->directory_of(100), path("new"));
  EXPECT_EQ(processes->add(101, std::string(600, 'x')).error().number(), ENAMETOOLONG);
}

}  // namespace
}  // namespace litebox::kernel
