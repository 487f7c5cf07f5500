// /sys and /sys/fs/cgroup of a small container.
#include <sys/sysmacros.h>

#include <sstream>

#include "tests/unit/fake_container.h"

namespace litebox::rootfs {
namespace {

std::string host_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Sys : public FakeContainer {
 protected:
  void SetUp() override {
    FakeContainer::SetUp();
    start();
    mount("/sys", make_sys(view_, registry_), "sysfs");
  }
};

TEST_F(Sys, ProcessorsAreTheHosts) {
  EXPECT_EQ(content("/sys/devices/system/cpu/online"), host_file("/sys/devices/system/cpu/online"));
  const std::string siblings = "/sys/devices/system/cpu/cpu0/topology/core_cpus_list";
  EXPECT_EQ(content(siblings), host_file(siblings));
  EXPECT_TRUE(has("/sys/devices/system/cpu", "cpu0"));
}

TEST_F(Sys, ADescriptorLeadsBack) {
  const Location location = at("/sys/devices/system/cpu/online");
  const auto file = location.node->open(subject(view_.init), O_RDONLY);
  ASSERT_TRUE(file.ok());
  const auto found = tree_->locate(file->get());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->node->key(), location.node->key());
}

TEST_F(Sys, NothingCanBeWritten) {
  const auto node = at("/sys/kernel/mm/transparent_hugepage/enabled").node;
  EXPECT_EQ(node->open(subject(view_.init), O_RDWR).error().number(), EACCES);
  EXPECT_EQ(node->check_access(subject(view_.init), W_OK).error().number(), EACCES);
  EXPECT_TRUE(node->check_access(subject(view_.init), R_OK).ok());
}

TEST_F(Sys, DevicesOfTheHostAreNotThere) {
  EXPECT_EQ(names("/sys/devices"), (std::vector<std::string>{"system", "virtual"}));
  EXPECT_EQ(names("/sys/block"), std::vector<std::string>{});
  EXPECT_EQ(names("/sys/firmware"), std::vector<std::string>{});
  EXPECT_FALSE(has("/sys/kernel", "security"));
  EXPECT_FALSE(has("/sys/kernel", "vmcoreinfo"));
  EXPECT_FALSE(has("/sys/devices/system", "memory"));
}

TEST_F(Sys, InterfacesAreShownWithANetworkOnly) {
  EXPECT_EQ(names("/sys/class/net"), std::vector<std::string>{});
  view_.network = true;
  EXPECT_TRUE(has("/sys/class/net", "lo"));
  EXPECT_EQ(target("/sys/class/net/lo"), "../../devices/virtual/net/lo");
  for (const char* name :
       {"address", "addr_len", "mtu", "type", "ifindex", "flags", "operstate", "tx_queue_len", "broadcast"}) {
    EXPECT_EQ(content(std::string("/sys/class/net/lo/") + name), host_file(std::string("/sys/class/net/lo/") + name)) << name;
  }
  EXPECT_EQ(error_of(subject(view_.init), "/sys/class/net/none/mtu"), ENOENT);
}

TEST_F(Sys, ControlGroupsListMembersOnly) {
  const std::string memory = directory_ + "/memory";
  std::filesystem::create_directories(memory + "/engine");
  std::ofstream(memory + "/memory.limit_in_bytes") << "67108864\n";
  const pid_t other = start();
  std::ofstream(memory + "/cgroup.procs") << ::getpid() << '\n' << other << '\n' << view_.init << '\n';
  view_.groups = {{"memory", memory}, {"cpu,cpuacct", memory}, {"name=systemd", memory}};
  mount("/sys/fs/cgroup", make_cgroup(view_, registry_), "cgroup");
  EXPECT_EQ(names("/sys/fs/cgroup"), (std::vector<std::string>{"cpu,cpuacct", "cpu", "cpuacct", "memory", "systemd"}));
  EXPECT_EQ(content("/sys/fs/cgroup/memory/memory.limit_in_bytes"), "67108864\n");
  EXPECT_EQ(content("/sys/fs/cgroup/cpuacct/cgroup.procs"), "1\n" + std::to_string(other) + '\n');
  EXPECT_FALSE(has("/sys/fs/cgroup/memory", "engine"));
}

TEST_F(Sys, TheUnifiedHierarchyIsTheDirectoryItself) {
  const std::string group = directory_ + "/group";
  std::filesystem::create_directories(group);
  std::ofstream(group + "/memory.max") << "max\n";
  view_.groups = {{"", group}};
  mount("/sys/fs/cgroup", make_cgroup(view_, registry_), "cgroup2");
  EXPECT_EQ(content("/sys/fs/cgroup/memory.max"), "max\n");
}

}  // namespace
}  // namespace litebox::rootfs
