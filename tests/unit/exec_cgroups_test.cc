#include "runtime/exec_cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace litebox::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<CgroupHierarchy> kHierarchies{{"/cg/memory", false, {"memory"}}, {"/cg/cpu", false, {"cpu", "cpuacct"}}};

StateRecord record() {
  StateRecord record;
  record.cgroup_path = "/a/b";
  record.container_cgroups = {"/cg/memory/a/b", "/cg/cpu/a/b"};
  return record;
}

bool exists(const std::string& path) { return path.find("missing") == std::string::npos && path != "/cg/cpu/a/b/only"; }

std::vector<std::string> directories(const std::vector<std::string>& wanted) {
  const auto result = exec_cgroups(kHierarchies, record(), wanted, exists);
  EXPECT_TRUE(result.ok()) << result.error().message();
  return result.ok() ? *result : std::vector<std::string>();
}

std::string error(const std::vector<std::string>& wanted) {
  const auto result = exec_cgroups(kHierarchies, record(), wanted, exists);
  return result.ok() ? "no error" : result.error().message();
}

TEST(ExecCgroups, AreTheContainersUnlessOthersAreNamed) {
  EXPECT_THAT(directories({}), ElementsAre("/cg/memory/a/b", "/cg/cpu/a/b"));
  EXPECT_THAT(directories({"/"}), ElementsAre("/cg/memory/a/b", "/cg/cpu/a/b"));
}

TEST(ExecCgroups, AreBelowTheContainers) {
  EXPECT_THAT(directories({"c/d"}), ElementsAre("/cg/memory/a/b/c/d", "/cg/cpu/a/b/c/d"));
  EXPECT_THAT(directories({"memory:c"}), ElementsAre("/cg/memory/a/b/c", "/cg/cpu/a/b"));
  EXPECT_THAT(directories({"cpuacct,memory:c/../d/"}), ElementsAre("/cg/memory/a/b/d", "/cg/cpu/a/b/d"));
  EXPECT_THAT(directories({"cpu:x", "memory:y"}), ElementsAre("/cg/memory/a/b/y", "/cg/cpu/a/b/x"));
}

TEST(ExecCgroups, AreWhereTheyExist) {
  EXPECT_THAT(directories({"only"}), ElementsAre("/cg/memory/a/b/only", "/cg/cpu/a/b"));
  EXPECT_THAT(error({"missing"}), HasSubstr("--cgroup missing: No such file"));
  EXPECT_THAT(error({"cpu:only"}), HasSubstr("--cgroup only: No such file"));
}

TEST(ExecCgroups, RefusesEverythingElse) {
  EXPECT_EQ(error({"../c"}), "../c is not a sub cgroup path");
  EXPECT_EQ(error({"../bc"}), "../bc is not a sub cgroup path");
  EXPECT_EQ(error({"memory:../../x"}), "../../x is not a sub cgroup path");
  EXPECT_THAT(error({"pids:x"}), HasSubstr("unknown controller pids"));
  EXPECT_THAT(error({"a", "b"}), HasSubstr("missing <controller>: prefix"));
  EXPECT_THAT(error({"memory:x:y"}), HasSubstr("invalid --cgroup argument"));
  EXPECT_THAT(error({"memory:x", "memory:y"}), HasSubstr("specified multiple times"));
}

}  // namespace
}  // namespace litebox::runtime
