#include "runtime/cgroups.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cgroup_freezer.h"
#include "temporary_directory.h"

namespace litebox::runtime {
namespace {

using Strings = std::vector<std::string>;

CgroupHierarchy v1(const std::string& mount_point, Strings controllers) { return {mount_point, false, std::move(controllers)}; }

// Plain directories in the place of cgroup file systems: what is made and written can be seen, though no kernel acts on it.
class CgroupsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"memory", "pids", "cpuset", "devices", "unified"}) std::filesystem::create_directory(root_ / name);
    hierarchies_ = {v1(root_ / "memory", {"memory"}),
                    v1(root_ / "pids", {"pids"}),
                    v1(root_ / "cpuset", {"cpuset"}),
                    v1(root_ / "devices", {"devices"}),
                    {root_ / "unified", true, {"hugetlb"}}};
  }

  static oci::Resources with_limits() {
    oci::Resources resources;
    resources.memory.emplace();
    resources.memory->limit = 1000;
    resources.pids.emplace();
    resources.pids->limit = 5;
    return resources;
  }

  test::TemporaryDirectory root_;
  std::vector<CgroupHierarchy> hierarchies_;
};

TEST_F(CgroupsTest, PlanLeavesOutWhatIsNotNeeded) {
  const CgroupDirectories plan = plan_cgroups(hierarchies_, "/a/b", {});
  EXPECT_EQ(plan.container, (Strings{root_ / "memory/a/b", root_ / "pids/a/b", root_ / "devices/a/b"}));
  EXPECT_EQ(plan.monitor[0], root_ / "memory/a/b-monitor");
  EXPECT_EQ(plan.parents, (Strings{root_ / "memory/a", root_ / "pids/a", root_ / "devices/a"}));
  EXPECT_FALSE(std::filesystem::exists(root_ / "memory/a"));

  oci::Resources resources;
  resources.cpu.emplace();
  resources.cpu->cpus = "0";
  EXPECT_EQ(plan_cgroups(hierarchies_, "/a", resources).container.size(), 4U);
  resources.hugepage_limits = {{"2MB", 0}};
  EXPECT_EQ(plan_cgroups(hierarchies_, "/a", resources).container.size(), 5U);
}

TEST_F(CgroupsTest, WhatIsNotPermittedIsLeftOut) {
  if (geteuid() != 0) GTEST_SKIP() << "root alone can make directories that it then may not write to";
  constexpr uid_t user = 65534;
  ASSERT_EQ(chmod(root_.path().c_str(), 0755), 0);
  for (const char* name : {"memory/given", "pids/given"}) std::filesystem::create_directory(root_ / name);
  ASSERT_EQ(chown((root_ / "pids/given").c_str(), user, user), 0);
  const CgroupDirectories plan = plan_cgroups(hierarchies_, "/given/below/x", {});
  EXPECT_EQ(permitted_cgroups(plan).container, plan.container);
  ASSERT_EQ(seteuid(user), 0);
  const CgroupDirectories permitted = permitted_cgroups(plan);
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(permitted.container, (Strings{root_ / "pids/given/below/x"}));
  EXPECT_EQ(permitted.monitor, (Strings{root_ / "pids/given/below/x-monitor"}));
  EXPECT_EQ(permitted.parents, (Strings{root_ / "pids/given/below"}));
}

TEST_F(CgroupsTest, ForeignParentsStay) {
  std::filesystem::create_directory(root_ / "memory/docker");
  const CgroupDirectories plan = plan_cgroups(hierarchies_, "/docker/x", {});
  EXPECT_EQ(plan.parents, (Strings{root_ / "pids/docker", root_ / "devices/docker"}));
  ASSERT_TRUE(make_cgroups(plan).ok());
  ASSERT_TRUE(remove_cgroups(plan).ok());
  EXPECT_TRUE(std::filesystem::exists(root_ / "memory/docker"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "pids/docker"));
}

TEST_F(CgroupsTest, DefaultParentGoesWithTheLast) {
  const CgroupDirectories first = plan_cgroups(hierarchies_, "/litebox/1", {});
  ASSERT_TRUE(make_cgroups(first).ok());
  const CgroupDirectories second = plan_cgroups(hierarchies_, "/litebox/2", {});
  ASSERT_TRUE(make_cgroups(second).ok());
  ASSERT_TRUE(remove_cgroups(first).ok());
  EXPECT_TRUE(std::filesystem::exists(root_ / "memory/litebox/2"));
  ASSERT_TRUE(remove_cgroups(second).ok());
  EXPECT_FALSE(std::filesystem::exists(root_ / "memory/litebox"));
  EXPECT_TRUE(remove_cgroups(second).ok()) << "removing again is no error";
}

TEST_F(CgroupsTest, LimitsAreWrittenWhereTheControllerIs) {
  const CgroupDirectories plan = plan_cgroups(hierarchies_, "/x", {});
  ASSERT_TRUE(make_cgroups(plan).ok());
  const Status missing = apply_resources(plan, with_limits());
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message().find("memory"), std::string::npos) << "a limit that cannot be set is an error";
  test::write_text(root_ / "memory/x/memory.limit_in_bytes", "");
  test::write_text(root_ / "pids/x/pids.max", "");
  const Status applied = apply_resources(plan, with_limits());
  ASSERT_TRUE(applied.ok()) << applied.error().message();
  EXPECT_EQ(test::read_text(root_ / "memory/x/memory.limit_in_bytes"), "1000");
  EXPECT_EQ(test::read_text(root_ / "pids/x/pids.max"), "5");
}

TEST_F(CgroupsTest, ProcessesOfAllDirectoriesOnce) {
  const CgroupDirectories plan = plan_cgroups(hierarchies_, "/x", {});
  ASSERT_TRUE(make_cgroups(plan).ok());
  std::filesystem::create_directory(root_ / "memory/x/inner");
  test::write_text(root_ / "memory/x/cgroup.procs", "12\n13\n");
  test::write_text(root_ / "memory/x/inner/cgroup.procs", "14\n");
  test::write_text(root_ / "pids/x/cgroup.procs", "12\n");
  EXPECT_EQ(cgroup_processes(plan.container), (std::vector<pid_t>{12, 13, 14}));
  EXPECT_TRUE(cgroup_processes({root_ / "none"}).empty());
}

TEST_F(CgroupsTest, JoiningWritesThePid) {
  test::write_text(root_ / "memory/cgroup.procs", "");
  ASSERT_TRUE(join_cgroups({root_ / "memory"}, 77).ok());
  EXPECT_EQ(test::read_text(root_ / "memory/cgroup.procs"), "77");
  EXPECT_FALSE(join_cgroups({root_ / "pids"}, 77).ok());
}

TEST_F(CgroupsTest, NoLimitsMeansNoneAskedFor) {
  oci::Resources resources;
  EXPECT_FALSE(asks_for_limits(resources));
  resources.devices.emplace_back();
  resources.memory.emplace();
  resources.memory->limit = 0;
  EXPECT_FALSE(asks_for_limits(resources));
  EXPECT_TRUE(asks_for_limits(with_limits()));
}

TEST_F(CgroupsTest, FreezerOfEitherVersion) {
  std::filesystem::create_directory(root_ / "freezer");
  EXPECT_FALSE(has_freezer({root_ / "memory", root_ / "freezer"}));
  EXPECT_EQ(freeze({root_ / "memory"}).error().number(), ENOTSUP);
  test::write_text(root_ / "freezer/freezer.state", "THAWED\n");
  EXPECT_FALSE(is_frozen({root_ / "freezer"}));
  EXPECT_TRUE(freeze({root_ / "memory", root_ / "freezer"}).ok());
  EXPECT_TRUE(is_frozen({root_ / "freezer"}));
  test::write_text(root_ / "unified/cgroup.freeze", "");
  test::write_text(root_ / "unified/cgroup.events", "populated 1\nfrozen 1\n");
  EXPECT_TRUE(is_frozen({root_ / "unified"}));
}

}  // namespace
}  // namespace litebox::runtime
