#include "runtime/cgroup_settings.h"

#include <gtest/gtest.h>

namespace litebox::runtime {
namespace {

using Lines = std::vector<std::string>;

Lines lines(const std::vector<CgroupSetting>& settings) {
  Lines all;
  for (const CgroupSetting& setting : settings) {
    EXPECT_EQ(setting.file.rfind(setting.controller + ".", 0), 0U) << setting.file;
    all.push_back(setting.file + " " + setting.text);
  }
  return all;
}

Lines v1(const oci::Resources& resources) { return lines(cgroup_v1_settings(resources)); }

Lines v2(const oci::Resources& resources) {
  const auto settings = cgroup_v2_settings(resources);
  return settings.ok() ? lines(*settings) : Lines{"error"};
}

oci::Resources docker_limits() {
  oci::Resources resources;
  resources.memory.emplace();
  resources.memory->limit = 67108864;
  resources.memory->swap = 134217728;
  resources.memory->disable_oom_killer = false;
  resources.cpu.emplace();
  resources.cpu->shares = 0;
  resources.cpu->quota = 50000;
  resources.cpu->period = 100000;
  resources.cpu->cpus = "0";
  resources.pids.emplace();
  resources.pids->limit = 20;
  resources.block_io.emplace();
  resources.block_io->weight = 0;
  return resources;
}

TEST(CgroupSettings, WhatDockerWritesAsUnsetSetsNothing) {
  oci::Resources resources;
  resources.memory.emplace();
  resources.memory->disable_oom_killer = false;
  resources.cpu.emplace();
  resources.cpu->shares = 0;
  resources.block_io.emplace();
  resources.block_io->weight = 0;
  EXPECT_EQ(v1(resources), Lines{});
  EXPECT_EQ(v2(resources), Lines{});
}

TEST(CgroupSettings, Limits) {
  EXPECT_EQ(v1(docker_limits()), (Lines{"memory.limit_in_bytes 67108864", "memory.memsw.limit_in_bytes 134217728",
                                        "cpu.cfs_period_us 100000", "cpu.cfs_quota_us 50000", "cpuset.cpus 0", "pids.max 20"}));
  EXPECT_EQ(v2(docker_limits()),
            (Lines{"memory.max 67108864", "memory.swap.max 67108864", "cpu.max 50000 100000", "cpuset.cpus 0", "pids.max 20"}));
}

TEST(CgroupSettings, Unlimited) {
  oci::Resources resources;
  resources.memory.emplace();
  resources.memory->limit = -1;
  resources.pids.emplace();
  resources.pids->limit = -1;
  EXPECT_EQ(v1(resources), (Lines{"memory.limit_in_bytes -1", "memory.memsw.limit_in_bytes -1", "pids.max max"}));
  EXPECT_EQ(v2(resources), (Lines{"memory.max max", "memory.swap.max max", "pids.max max"}));
}

TEST(CgroupSettings, NoProcessesAtAllIsALimit) {
  oci::Resources resources;
  resources.pids.emplace();
  resources.pids->limit = 0;
  EXPECT_EQ(v1(resources), Lines{"pids.max 0"});
}

TEST(CgroupSettings, SharesBecomeWeights) {
  const auto weight = [](uint64_t shares) {
    oci::Resources resources;
    resources.cpu.emplace();
    resources.cpu->shares = shares;
    return v2(resources).at(0);
  };
  EXPECT_EQ(weight(1), "cpu.weight 1");
  EXPECT_EQ(weight(2), "cpu.weight 1");
  EXPECT_EQ(weight(1024), "cpu.weight 39");
  EXPECT_EQ(weight(262144), "cpu.weight 10000");
  EXPECT_EQ(weight(UINT64_MAX), "cpu.weight 10000");
}

TEST(CgroupSettings, BlockDevices) {
  oci::Resources resources;
  resources.block_io.emplace();
  resources.block_io->weight = 500;
  resources.block_io->throttle_read_bps = {{8, 0, 1048576}};
  resources.block_io->throttle_write_iops = {{8, 16, 100}};
  EXPECT_EQ(v1(resources), (Lines{"blkio.weight 500", "blkio.throttle.read_bps_device 8:0 1048576",
                                  "blkio.throttle.write_iops_device 8:16 100"}));
  EXPECT_EQ(v2(resources), (Lines{"io.weight default 4950", "io.max 8:0 rbps=1048576", "io.max 8:16 wiops=100"}));
}

TEST(CgroupSettings, UnifiedNamesAreControlFilesOnly) {
  oci::Resources resources;
  resources.unified = {{"memory.high", "1000"}};
  EXPECT_EQ(v2(resources), Lines{"memory.high 1000"});
  for (const char* name : {"../memory.max", "memory", ".x", "a/b.c"}) {
    resources.unified = {{name, "1"}};
    EXPECT_EQ(v2(resources), Lines{"error"}) << name;
  }
}

oci::DeviceRule rule(bool allow, char type, std::optional<int64_t> major, std::optional<int64_t> minor, std::string access) {
  oci::DeviceRule made;
  made.allow = allow;
  made.type = type;
  made.major = major;
  made.minor = minor;
  made.access = std::move(access);
  return made;
}

TEST(DeviceSettings, NothingWithoutRules) { EXPECT_TRUE(device_settings({}).empty()); }

TEST(DeviceSettings, InOrderThenTheDefaults) {
  const Lines all =
      lines(device_settings({rule(false, 'a', {}, {}, "rwm"), rule(true, 'c', 10, 229, "rw"), rule(false, 'b', 8, {}, "")}));
  ASSERT_GT(all.size(), 3U);
  EXPECT_EQ(all[0], "devices.deny a *:* rwm");
  EXPECT_EQ(all[1], "devices.allow c 10:229 rw");
  EXPECT_EQ(all[2], "devices.deny b 8:* rwm");
  EXPECT_NE(std::find(all.begin(), all.end(), "devices.allow c 1:3 rwm"), all.end());
  EXPECT_NE(std::find(all.begin(), all.end(), "devices.allow c 136:* rwm"), all.end());
}

TEST(DeviceSettings, TypeAllWithLimitsIsSpelledOut) {
  // The kernel would take "a 1:3 r" as everything.
  const Lines all = lines(device_settings({rule(true, 'a', 1, 3, "r")}));
  EXPECT_EQ(all[0], "devices.allow c 1:3 r");
  EXPECT_EQ(all[1], "devices.allow b 1:3 r");
}

}  // namespace
}  // namespace litebox::runtime
