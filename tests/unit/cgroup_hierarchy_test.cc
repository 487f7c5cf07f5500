#include "runtime/cgroup_hierarchy.h"

#include <gtest/gtest.h>

namespace litebox::runtime {
namespace {

using Strings = std::vector<std::string>;

TEST(CgroupHierarchies, HybridHost) {
  const auto found = parse_cgroup_hierarchies(
      "22 1 0:21 / / rw shared:1 - ext4 /dev/root rw\n"
      "30 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
      "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"
      "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "34 30 0:29 / /somewhere/else rw - cgroup cgroup rw,memory\n"
      "35 30 0:30 / /sys/fs/cgroup/a\\040b rw - cgroup2 cgroup2 rw,nsdelegate\n");
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].controllers, (Strings{"cpu", "cpuacct"}));
  EXPECT_EQ(found[1].controllers, (Strings{"name=systemd"}));
  EXPECT_EQ(found[2].mount_point, "/sys/fs/cgroup/memory");
  EXPECT_TRUE(found[3].unified);
  EXPECT_EQ(found[3].mount_point, "/sys/fs/cgroup/a b");
}

TEST(CgroupHierarchies, BrokenLinesAreLeftOut) {
  EXPECT_TRUE(parse_cgroup_hierarchies("").empty());
  EXPECT_TRUE(parse_cgroup_hierarchies("x\n1 2 - cgroup\n - cgroup cgroup rw,memory\n").empty());
}

TEST(CgroupPath, ConfiguredOrDefault) {
  EXPECT_EQ(container_cgroup_path("", "id", false), "/litebox/id");
  EXPECT_EQ(container_cgroup_path("/docker/x", "id", false), "/docker/x");
  EXPECT_EQ(container_cgroup_path("/docker//x/", "id", false), "/docker/x");
  EXPECT_EQ(container_cgroup_path("group/x", "id", false), "/litebox/group/x");
}

TEST(CgroupPath, NeverLeavesTheHierarchy) {
  EXPECT_EQ(container_cgroup_path("/../../etc", "id", false), "/etc");
  EXPECT_EQ(container_cgroup_path("../../../../x", "id", false), "/x");
  EXPECT_EQ(container_cgroup_path("/", "id", false), "/litebox/id");
  EXPECT_EQ(container_cgroup_path("/..", "id", false), "/litebox/id");
}

TEST(CgroupPath, Systemd) {
  EXPECT_EQ(container_cgroup_path("system.slice:docker:abc", "id", true), "/system.slice/docker-abc.scope");
  EXPECT_EQ(container_cgroup_path("a-b-c.slice:cri:abc", "id", true), "/a.slice/a-b.slice/a-b-c.slice/cri-abc.scope");
  EXPECT_EQ(container_cgroup_path(":libpod:abc", "id", true), "/system.slice/libpod-abc.scope");
  EXPECT_EQ(container_cgroup_path("", "id", true), "/system.slice/litebox-id.scope");
  EXPECT_EQ(container_cgroup_path("machine.slice::abc.slice", "id", true), "/machine.slice/abc.slice");
}

}  // namespace
}  // namespace litebox::runtime
