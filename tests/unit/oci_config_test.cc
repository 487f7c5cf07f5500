// That parse_config() puts every field of the specification where it belongs.
#include "oci/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/unit/oci_sample.h"

namespace litebox::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Config parse(const nlohmann::json& document) {
  auto result = parse_config(document.dump());
  EXPECT_TRUE(result.ok()) << result.error().message();
  return result.ok() ? *std::move(result) : Config{};
}

nlohmann::json minimal() { return {{"ociVersion", "1.0.0"}, {"root", {{"path", "rootfs"}}}}; }

TEST(OciConfig, TakesTheLeastThatIsWellFormed) {
  const Config config = parse(minimal());
  EXPECT_EQ(config.oci_version, "1.0.0");
  EXPECT_EQ(config.root.path, "rootfs");
  EXPECT_FALSE(config.root.readonly);
  EXPECT_FALSE(config.process.has_value());
  EXPECT_FALSE(config.linux.resources.has_value());
  EXPECT_FALSE(config.linux.seccomp.has_value());
  EXPECT_THAT(config.linux.namespaces, IsEmpty());
}

TEST(OciConfig, ReadsTheTopLevel) {
  const Config config = parse(testing::sample());
  EXPECT_TRUE(config.root.readonly);
  EXPECT_EQ(config.hostname, "box");
  EXPECT_EQ(config.domainname, "example.org");
  EXPECT_THAT(config.annotations, ElementsAre(Pair("empty", ""), Pair("org.example.key", "value")));
  EXPECT_THAT(config.other_platforms, ElementsAre("windows"));
}

TEST(OciConfig, ReadsMountsInOrder) {
  const Config config = parse(testing::sample());
  ASSERT_EQ(config.mounts.size(), 4U);
  EXPECT_EQ(config.mounts[0].destination, "/proc");
  EXPECT_FALSE(config.mounts[0].is_bind());
  EXPECT_EQ(config.mounts[1].destination, "/dev") << "a relative destination is taken from the root";
  EXPECT_THAT(config.mounts[1].options, ElementsAre("mode=755", "size=64k"));
  EXPECT_EQ(config.mounts[2].source, "data");
  EXPECT_TRUE(config.mounts[2].is_bind());
  EXPECT_TRUE(config.mounts[2].has_option("ro"));
  ASSERT_EQ(config.mounts[3].uid_mappings.size(), 1U);
  EXPECT_EQ(config.mounts[3].uid_mappings[0].host_id, 1000U);
  EXPECT_EQ(config.mounts[3].gid_mappings[0].size, 10U);
}

TEST(OciConfig, ReadsHooks) {
  const Config config = parse(testing::sample());
  ASSERT_EQ(config.hooks.prestart.size(), 1U);
  const Hook& hook = config.hooks.prestart[0];
  EXPECT_EQ(hook.path, "/bin/true");
  EXPECT_THAT(hook.args, ElementsAre("true", "1"));
  EXPECT_THAT(hook.env.value(), ElementsAre("A=b"));
  EXPECT_EQ(hook.timeout, 5);
  EXPECT_FALSE(config.hooks.create_runtime[0].env.has_value()) << "absent means the runtime's own";
  EXPECT_THAT(config.hooks.poststop[0].env.value(), IsEmpty()) << "empty means none";
  EXPECT_EQ(config.hooks.create_container.size(), 1U);
  EXPECT_EQ(config.hooks.start_container.size(), 1U);
  EXPECT_EQ(config.hooks.poststart.size(), 1U);
}

TEST(OciConfig, ReadsNamespacesAndMappings) {
  const Linux linux = parse(testing::sample()).linux;
  ASSERT_EQ(linux.namespaces.size(), 8U);
  EXPECT_EQ(linux.find_namespace(NamespaceType::network)->path, "/run/netns/a");
  EXPECT_EQ(linux.find_namespace(NamespaceType::ipc)->path, "") << "an empty path is none";
  EXPECT_EQ(parse(minimal()).linux.find_namespace(NamespaceType::pid), nullptr);
  ASSERT_EQ(linux.uid_mappings.size(), 2U);
  EXPECT_EQ(linux.uid_mappings[1].container_id, 1U);
  EXPECT_EQ(linux.uid_mappings[1].host_id, 100000U);
  EXPECT_EQ(linux.uid_mappings[1].size, 65535U);
  EXPECT_EQ(linux.time_offsets.at("monotonic").seconds, -5);
  EXPECT_EQ(linux.time_offsets.at("monotonic").nanoseconds, 10U);
}

TEST(OciConfig, ReadsDevicesAndPaths) {
  const Linux linux = parse(testing::sample()).linux;
  ASSERT_EQ(linux.devices.size(), 2U);
  EXPECT_EQ(linux.devices[0].type, DeviceType::character);
  EXPECT_EQ(linux.devices[0].major, 10);
  EXPECT_EQ(linux.devices[0].minor, 229);
  EXPECT_EQ(linux.devices[0].file_mode, 0666U) << "8630 is S_IFCHR | 0666";
  EXPECT_EQ(linux.devices[0].uid, 1U);
  EXPECT_EQ(linux.devices[0].gid, 2U);
  EXPECT_EQ(linux.devices[1].type, DeviceType::fifo);
  EXPECT_FALSE(linux.devices[1].file_mode.has_value());
  EXPECT_EQ(linux.net_devices.at("eth0").name, "inside%d");
  EXPECT_EQ(linux.cgroups_path, "/litebox/box");
  EXPECT_EQ(linux.rootfs_propagation, "slave");
  EXPECT_THAT(linux.masked_paths, ElementsAre("/proc/kcore"));
  EXPECT_THAT(linux.readonly_paths, ElementsAre("/proc/sys"));
  EXPECT_EQ(linux.mount_label, "system_u:object_r:container_file_t:s0");
  EXPECT_EQ(linux.intel_rdt->clos_id, "group");
  EXPECT_THAT(linux.intel_rdt->schemata, ElementsAre("L3:0=f"));
  EXPECT_TRUE(linux.intel_rdt->enable_monitoring);
  EXPECT_EQ(linux.personality->domain, "LINUX32");
  EXPECT_EQ(linux.memory_policy->mode, "MPOL_BIND");
  EXPECT_EQ(linux.memory_policy->nodes, "0-1");
  EXPECT_THAT(linux.sysctl, ElementsAre(Pair("net/ipv4/conf/eth0.1/forwarding", "1"), Pair("net/ipv4/ip_forward", "1")));
}

TEST(OciConfig, ReadsResources) {
  const Resources resources = parse(testing::sample()).linux.resources.value();
  ASSERT_EQ(resources.devices.size(), 2U);
  EXPECT_FALSE(resources.devices[0].allow);
  EXPECT_EQ(resources.devices[0].type, 'a');
  EXPECT_EQ(resources.devices[1].type, 'c');
  EXPECT_EQ(resources.devices[1].major, 10);
  EXPECT_FALSE(resources.devices[1].minor.has_value()) << "-1 is the wildcard";
  EXPECT_EQ(resources.memory->limit, 1000000);
  EXPECT_EQ(resources.memory->reservation, 500000);
  EXPECT_EQ(resources.memory->swap, 2000000);
  EXPECT_EQ(resources.memory->kernel, -1);
  EXPECT_EQ(resources.memory->swappiness, 60U);
  EXPECT_EQ(resources.memory->disable_oom_killer, false);
  EXPECT_EQ(resources.memory->check_before_update, true);
  EXPECT_EQ(resources.cpu->shares, 1024U);
  EXPECT_EQ(resources.cpu->quota, 50000);
  EXPECT_EQ(resources.cpu->burst, 1000U);
  EXPECT_EQ(resources.cpu->cpus, "0-1");
  EXPECT_EQ(resources.cpu->idle, 0);
  EXPECT_EQ(resources.pids->limit, 0) << "0 is a limit, not its absence";
  EXPECT_EQ(resources.block_io->weight, 10);
  EXPECT_EQ(resources.block_io->leaf_weight, 0);
  EXPECT_EQ(resources.block_io->weight_devices[0].leaf_weight, 300);
  EXPECT_EQ(resources.block_io->throttle_read_bps[0].rate, 600U);
  EXPECT_EQ(resources.block_io->throttle_write_bps[0].rate, 601U);
  EXPECT_EQ(resources.block_io->throttle_read_iops[0].rate, 602U);
  EXPECT_EQ(resources.block_io->throttle_write_iops[0].minor, 3);
  EXPECT_EQ(resources.hugepage_limits[0].page_size, "2MB");
  EXPECT_EQ(resources.network->class_id, 1048577U);
  EXPECT_EQ(resources.network->priorities[0].priority, 500U);
  EXPECT_EQ(resources.rdma.at("mlx5_1").hca_handles, 3U);
  EXPECT_FALSE(resources.rdma.at("mlx5_1").hca_objects.has_value());
  EXPECT_EQ(resources.unified.at("memory.high"), "1000");
}

TEST(OciConfig, ReadsSeccomp) {
  const Seccomp seccomp = parse(testing::sample()).linux.seccomp.value();
  EXPECT_EQ(seccomp.default_action, SeccompAction::error);
  EXPECT_EQ(seccomp.default_errno_ret, 38U);
  EXPECT_THAT(seccomp.architectures, ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X32"));
  EXPECT_THAT(seccomp.flags, ElementsAre("SECCOMP_FILTER_FLAG_LOG"));
  EXPECT_EQ(seccomp.listener_path, "/run/agent");
  EXPECT_EQ(seccomp.listener_metadata, "data");
  ASSERT_EQ(seccomp.syscalls.size(), 3U);
  EXPECT_THAT(seccomp.syscalls[0].names, ElementsAre("read", "write"));
  EXPECT_FALSE(seccomp.syscalls[0].errno_ret.has_value());
  ASSERT_EQ(seccomp.syscalls[1].args.size(), 1U);
  EXPECT_EQ(seccomp.syscalls[1].args[0].value, 2114060288U);
  EXPECT_EQ(seccomp.syscalls[1].args[0].value_two, UINT64_MAX);
  EXPECT_EQ(seccomp.syscalls[1].args[0].op, SeccompOperator::masked_equal);
  EXPECT_EQ(seccomp.syscalls[2].errno_ret, 1U);
}

TEST(OciConfig, WritesSysctlsAsPaths) {
  nlohmann::json document = minimal();
  document["linux"]["sysctl"] = {{"net.ipv4.conf.eth0/1.forwarding", "1"}, {"kernel/shmmax", "2"}, {"single", "3"}};
  EXPECT_THAT(parse(document).linux.sysctl,
              ElementsAre(Pair("kernel/shmmax", "2"), Pair("net/ipv4/conf/eth0.1/forwarding", "1"), Pair("single", "3")));
}

TEST(OciConfig, TakesTheDomainNameFromItsSysctl) {
  nlohmann::json document = minimal();
  document["linux"] = {{"namespaces", {{{"type", "uts"}}}}, {"sysctl", {{"kernel.domainname", "example.org"}}}};
  EXPECT_EQ(parse(document).domainname, "example.org");
  document["domainname"] = "other.org";
  EXPECT_EQ(parse_config(document.dump()).error().message(),
            "config.json: domainname: conflicts with the sysctl kernel.domainname");
}

TEST(OciConfig, ReadsNullAsAbsent) {
  nlohmann::json document = minimal();
  document["process"] = nullptr;
  document["mounts"] = nullptr;
  document["hostname"] = nullptr;
  document["linux"] = {{"resources", nullptr}, {"maskedPaths", nullptr}, {"namespaces", nullptr}};
  const Config config = parse(document);
  EXPECT_FALSE(config.process.has_value());
  EXPECT_FALSE(config.linux.resources.has_value());
}

TEST(OciConfig, IgnoresUnknownFieldsEverywhere) {
  nlohmann::json document = testing::sample();
  document["process"]["future"] = {1, 2};
  document["linux"]["future"] = true;
  document["mounts"][0]["future"] = "x";
  document["hooks"]["future"] = 3;
  parse(document);
}

TEST(OciConfig, TakesEveryVersionOneOfTheSpecification) {
  for (const char* version : {"1.0.0", "1.0.2-dev", "1.0.0-rc5", "1.1.0+build.5", "1.3.0-rc.1+dev", "1.99.7"}) {
    nlohmann::json document = minimal();
    document["ociVersion"] = version;
    EXPECT_TRUE(parse_config(document.dump()).ok()) << version;
  }
  for (const char* version : {"", "1", "1.0", "1.0.", "01.0.0", "1.0.0-", "1.0.0+", "1.0.0-a..b", "v1.0.0", "1.0.0 ", "2.0.0",
                              "0.9.0", "1.0.0-\xc3\xa9", "99999999999999999999.0.0"}) {
    nlohmann::json document = minimal();
    document["ociVersion"] = version;
    const auto result = parse_config(document.dump());
    ASSERT_FALSE(result.ok()) << version;
    EXPECT_THAT(result.error().message(), ::testing::StartsWith("config.json: ociVersion: ")) << version;
  }
}

class OciConfigFile : public ::testing::Test {
 protected:
  OciConfigFile() {
    std::string pattern = ::testing::TempDir() + "/oci_config_XXXXXX";
    const int fd = ::mkstemp(pattern.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    path_ = pattern;
  }
  ~OciConfigFile() override { ::unlink(path_.c_str()); }

  void write(const std::string& content) {
    FILE* file = std::fopen(path_.c_str(), "w");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(std::fwrite(content.data(), 1, content.size(), file), content.size());
    std::fclose(file);
  }

  std::string path_;
};

TEST_F(OciConfigFile, IsLoaded) {
  write(testing::sample().dump(2));
  const auto config = load_config(path_);
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->hostname, "box");
}

TEST_F(OciConfigFile, IsNamedInErrors) {
  write("{\n \"ociVersion\": \"1.0.0\",\n oops");
  EXPECT_EQ(load_config(path_).error().message(), path_ + ": line 3, column 2: syntax error");
  write("{}");
  EXPECT_EQ(load_config(path_).error().message(), path_ + ": ociVersion: missing");
}

TEST_F(OciConfigFile, CarriesTheErrnoWhenItCannotBeRead) {
  EXPECT_EQ(load_config(path_ + ".missing").error().number(), ENOENT);
  EXPECT_EQ(load_config(::testing::TempDir()).error().number(), EISDIR);
}

TEST_F(OciConfigFile, IsRefusedWhenTooLarge) {
  write(std::string(kConfigSizeLimit + 1, ' '));
  EXPECT_EQ(load_config(path_).error().message(), path_ + ": larger than 16 MiB");
  EXPECT_EQ(load_config("/dev/zero").error().message(), "/dev/zero: larger than 16 MiB");
}

}  // namespace
}  // namespace litebox::oci
