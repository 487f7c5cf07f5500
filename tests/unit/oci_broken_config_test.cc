// Broken config.json documents, made from a good one by named changes: each must be refused with one line that names the field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "oci/config.h"
#include "tests/unit/oci_sample.h"

namespace litebox::oci {
namespace {

using nlohmann::json;

// Properties of every error line, whatever is wrong.
void expect_one_line(const std::string& message) {
  EXPECT_THAT(message, ::testing::StartsWith("config.json: "));
  EXPECT_LT(message.size(), 6000U);
  for (const char c : message) {
    EXPECT_TRUE(c >= ' ' && c <= '~') << "an unprintable byte in " << ::testing::PrintToString(message);
  }
}

// One change: the value at a JSON pointer is replaced, or taken away where there is no new value.
struct Change {
  const char* name;
  const char* pointer;
  const char* value;  // JSON
  const char* error;  // without "config.json: "
};

constexpr const char* kGone = nullptr;

json apply(const Change& change) {
  json document = testing::sample();
  const json::json_pointer pointer(change.pointer);
  if (change.value == kGone) {
    document.at(pointer.parent_pointer()).erase(pointer.back());
  } else {
    document[pointer] = json::parse(change.value);
  }
  return document;
}

constexpr Change kTopLevelChanges[] = {
    {"version_missing", "/ociVersion", kGone, "ociVersion: missing"},
    {"version_null", "/ociVersion", "null", "ociVersion: missing"},
    {"version_number", "/ociVersion", "1", "ociVersion: must be a string"},
    {"version_two", "/ociVersion", R"("2.0.0")", "ociVersion: only versions 1.x of the specification are known"},
    {"root_missing", "/root", kGone, "root: missing"},
    {"root_text", "/root", R"("rootfs")", "root: must be an object"},
    {"root_path_missing", "/root/path", kGone, "root.path: missing"},
    {"root_path_empty", "/root/path", R"("")", "root.path: must not be empty"},
    {"root_path_nul", "/root/path", R"("a\u0000b")", "root.path: contains a NUL byte"},
    {"root_readonly_text", "/root/readonly", R"("true")", "root.readonly: must be true or false"},
    {"hostname_slash", "/hostname", R"("a/b")", "hostname: must not contain \"/\", spaces or control characters"},
    {"hostname_newline", "/hostname", R"("a\nb")", "hostname: must not contain \"/\", spaces or control characters"},
    {"domainname_array", "/domainname", "[]", "domainname: must be a string"},
    {"annotations_array", "/annotations", "[]", "annotations: must be an object"},
    {"annotation_number", "/annotations/a.b~1c", "5", "annotations[\"a.b/c\"]: must be a string"},
    {"annotation_no_name", "/annotations/", R"("x")", "annotations[\"\"]: the name must not be empty"},
    {"hooks_array", "/hooks", "[]", "hooks: must be an object"},
    {"hook_relative", "/hooks/prestart/0/path", R"("true")", "hooks.prestart[0].path: must be an absolute path"},
    {"hook_no_path", "/hooks/poststop/0/path", kGone, "hooks.poststop[0].path: missing"},
    {"hook_timeout_zero", "/hooks/prestart/0/timeout", "0",
     "hooks.prestart[0].timeout: must be an integer from 1 to 2147483647"},
    {"hook_env", "/hooks/prestart/0/env/0", R"("A")", "hooks.prestart[0].env[0]: must be of the form NAME=value"},
    {"hook_text", "/hooks/createContainer/0", R"("/bin/true")", "hooks.createContainer[0]: must be an object"},
    {"hook_args", "/hooks/startContainer/0/args", R"("x")", "hooks.startContainer[0].args: must be an array"},
    {"linux_array", "/linux", "[]", "linux: must be an object"},
};

constexpr Change kMountChanges[] = {
    {"mounts_object", "/mounts", "{}", "mounts: must be an array"},
    {"mount_number", "/mounts/1", "7", "mounts[1]: must be an object"},
    {"mount_no_destination", "/mounts/2/destination", kGone, "mounts[2].destination: missing"},
    {"mount_empty_destination", "/mounts/2/destination", R"("")", "mounts[2].destination: must not be empty"},
    {"mount_over_root", "/mounts/2/destination", R"("/./")", "mounts[2].destination: must not be the root itself"},
    {"mount_dots", "/mounts/2/destination", R"("/a/../../etc")", "mounts[2].destination: must not contain \"..\""},
    {"mount_final_dots", "/mounts/2/destination", R"("a/..")", "mounts[2].destination: must not contain \"..\""},
    {"mount_nul", "/mounts/2/destination", R"("/a\u0000")", "mounts[2].destination: contains a NUL byte"},
    {"mount_source_number", "/mounts/2/source", "5", "mounts[2].source: must be a string"},
    {"mount_no_source", "/mounts/2/source", kGone, "mounts[2].source: missing, for a bind mount"},
    {"mount_no_type", "/mounts/0/type", kGone, "mounts[0].type: missing"},
    {"mount_type_slash", "/mounts/0/type", R"("../proc")", "mounts[0].type: must not contain \"/\""},
    {"mount_options_text", "/mounts/0/options", R"("ro")", "mounts[0].options: must be an array"},
    {"mount_option_null", "/mounts/0/options/1", "null", "mounts[0].options[1]: must be a string"},
    {"mount_one_mapping", "/mounts/3/gidMappings", kGone, "mounts[3].gidMappings: missing beside uidMappings"},
    {"mount_other_mapping", "/mounts/3/uidMappings", kGone, "mounts[3].uidMappings: missing beside gidMappings"},
    {"mount_mapping_size", "/mounts/3/uidMappings/0/size", "0",
     "mounts[3].uidMappings[0].size: must be an integer from 1 to 4294967295"},
};

constexpr Change kProcessChanges[] = {
    {"process_array", "/process", "[]", "process: must be an object"},
    {"args_missing", "/process/args", kGone, "process.args: missing"},
    {"args_empty", "/process/args", "[]", "process.args: must not be empty"},
    {"args_text", "/process/args", R"("sh")", "process.args: must be an array"},
    {"arg_number", "/process/args/1", "3", "process.args[1]: must be a string"},
    {"arg_nul", "/process/args/2", R"("x\u0000y")", "process.args[2]: contains a NUL byte"},
    {"env_no_equals", "/process/env/0", R"("PATH")", "process.env[0]: must be of the form NAME=value"},
    {"env_no_name", "/process/env/1", R"("=x")", "process.env[1]: the name must not be empty"},
    {"cwd_missing", "/process/cwd", kGone, "process.cwd: missing"},
    {"cwd_relative", "/process/cwd", R"("root")", "process.cwd: must be an absolute path"},
    {"cwd_empty", "/process/cwd", R"("")", "process.cwd: must be an absolute path"},
    {"uid_negative", "/process/user/uid", "-1", "process.user.uid: must be an integer from 0 to 4294967294"},
    {"uid_unchanged", "/process/user/uid", "4294967295", "process.user.uid: must be an integer from 0 to 4294967294"},
    {"uid_text", "/process/user/uid", R"("root")", "process.user.uid: must be an integer from 0 to 4294967294"},
    {"uid_fraction", "/process/user/uid", "1.5", "process.user.uid: must be an integer from 0 to 4294967294"},
    {"uid_missing", "/process/user/uid", kGone, "process.user.uid: missing"},
    {"gid_huge", "/process/user/gid", "1e30", "process.user.gid: must be an integer from 0 to 4294967294"},
    {"gid_minimum", "/process/user/gid", "-9223372036854775808", "process.user.gid: must be an integer from 0 to 4294967294"},
    {"umask_large", "/process/user/umask", "512", "process.user.umask: must be an integer from 0 to 511"},
    {"group_null", "/process/user/additionalGids/1", "null",
     "process.user.additionalGids[1]: must be an integer from 0 to 4294967294"},
    {"console_size", "/process/consoleSize/width", "65536", "process.consoleSize.width: must be an integer from 0 to 65535"},
    {"console_height", "/process/consoleSize/height", kGone, "process.consoleSize.height: missing"},
    {"terminal_number", "/process/terminal", "1", "process.terminal: must be true or false"},
    {"rlimit_unknown", "/process/rlimits/0/type", R"("RLIMIT_FOO")",
     "process.rlimits[0].type: unknown resource limit \"RLIMIT_FOO\""},
    {"rlimit_twice", "/process/rlimits/2", R"({"type": "RLIMIT_CORE", "soft": 0, "hard": 0})",
     "process.rlimits[2].type: \"RLIMIT_CORE\" is given twice"},
    {"rlimit_soft_above", "/process/rlimits/0/soft", "5000", "process.rlimits[0].soft: above the hard limit"},
    {"rlimit_negative", "/process/rlimits/0/hard", "-1",
     "process.rlimits[0].hard: must be an integer from 0 to 18446744073709551615"},
    {"rlimit_no_hard", "/process/rlimits/0/hard", kGone, "process.rlimits[0].hard: missing"},
    {"capability_number", "/process/capabilities/bounding/0", "12", "process.capabilities.bounding[0]: must be a string"},
    {"capabilities_array", "/process/capabilities", "[]", "process.capabilities: must be an object"},
    {"oom_score", "/process/oomScoreAdj", "1001", "process.oomScoreAdj: must be an integer from -1000 to 1000"},
    {"scheduler_policy", "/process/scheduler/policy", R"("SCHED_BEST")",
     "process.scheduler.policy: unknown scheduling policy \"SCHED_BEST\""},
    {"scheduler_flag", "/process/scheduler/flags/0", R"("X")", "process.scheduler.flags[0]: unknown scheduler flag \"X\""},
    {"scheduler_nice", "/process/scheduler/nice", "20", "process.scheduler.nice: must be an integer from -20 to 19"},
    {"scheduler_runtime", "/process/scheduler/runtime", "9000000",
     "process.scheduler.runtime: must be above 0 and not above the deadline"},
    {"scheduler_priority", "/process/scheduler/priority", "5", "process.scheduler.priority: only for SCHED_FIFO and SCHED_RR"},
    {"io_class", "/process/ioPriority/class", R"("IOPRIO_CLASS_NONE")",
     "process.ioPriority.class: unknown I/O priority class \"IOPRIO_CLASS_NONE\""},
    {"io_priority", "/process/ioPriority/priority", "8", "process.ioPriority.priority: must be an integer from 0 to 7"},
    {"affinity", "/process/execCPUAffinity/final", R"("3-1")",
     "process.execCPUAffinity.final: must be a list of numbers and ranges, as in \"0-3,7\""},
};

constexpr Change kLinuxChanges[] = {
    {"namespace_unknown", "/linux/namespaces/0/type", R"("cpu")", "linux.namespaces[0].type: unknown namespace type \"cpu\""},
    {"namespace_no_type", "/linux/namespaces/0/type", kGone, "linux.namespaces[0].type: missing"},
    {"namespace_twice", "/linux/namespaces/2/type", R"("pid")", "linux.namespaces[2].type: \"pid\" is given twice"},
    {"namespace_path_relative", "/linux/namespaces/1/path", R"("run/netns/a")",
     "linux.namespaces[1].path: must be an absolute path"},
    {"namespaces_object", "/linux/namespaces", "{}", "linux.namespaces: must be an array"},
    {"mapping_negative", "/linux/uidMappings/0/hostID", "-1",
     "linux.uidMappings[0].hostID: must be an integer from 0 to 4294967294"},
    {"mapping_wraps", "/linux/uidMappings/1/size", "4294967295", "linux.uidMappings[1].size: reaches beyond the largest id"},
    {"mapping_overlaps_inside", "/linux/uidMappings/1", R"({"containerID": 0, "hostID": 100000, "size": 5})",
     "linux.uidMappings[1]: overlaps an earlier mapping"},
    {"mapping_overlaps_outside", "/linux/uidMappings/1", R"({"containerID": 5, "hostID": 999, "size": 5})",
     "linux.uidMappings[1]: overlaps an earlier mapping"},
    {"mapping_no_size", "/linux/gidMappings/0/size", kGone, "linux.gidMappings[0].size: missing"},
    {"time_clock", "/linux/timeOffsets/realtime", "{}", "linux.timeOffsets.realtime: the clock must be monotonic or boottime"},
    {"time_nanoseconds", "/linux/timeOffsets/monotonic/nanosecs", "1000000000",
     "linux.timeOffsets.monotonic.nanosecs: must be an integer from 0 to 999999999"},
    {"device_type", "/linux/devices/0/type", R"("x")", "linux.devices[0].type: unknown device type \"x\""},
    {"device_no_major", "/linux/devices/0/major", kGone, "linux.devices[0].major: missing"},
    {"device_major", "/linux/devices/0/major", "4096", "linux.devices[0].major: must be an integer from 0 to 4095"},
    {"device_minor", "/linux/devices/0/minor", "-2", "linux.devices[0].minor: must be an integer from 0 to 1048575"},
    {"device_dots", "/linux/devices/0/path", R"("/dev/../etc/x")", "linux.devices[0].path: must not contain \"..\""},
    {"device_slash", "/linux/devices/0/path", R"("/dev/x/")", "linux.devices[0].path: must not end with \"/\""},
    {"device_relative", "/linux/devices/0/path", R"("null")", "linux.devices[0].path: must be an absolute path"},
    {"device_mode", "/linux/devices/0/fileMode", "65536", "linux.devices[0].fileMode: must be an integer from 0 to 65535"},
    {"device_twice", "/linux/devices/1/path", R"("/dev/fuse")",
     "linux.devices[1].path: \"/dev/fuse\" is given twice, for different devices"},
    {"net_device_slash", "/linux/netDevices/a~1b", "{}", "linux.netDevices[\"a/b\"]: the name is no network interface's"},
    {"net_device_long", "/linux/netDevices/eth0/name", R"("a234567890123456")",
     "linux.netDevices.eth0.name: is no name of a network interface"},
    {"net_device_twice", "/linux/netDevices/eth0/name", R"("eth1")", "linux.netDevices.eth1.name: is given to two devices"},
    {"cgroups_dots", "/linux/cgroupsPath", R"("/a/../../b")", "linux.cgroupsPath: must not contain \"..\""},
    {"sysctl_dots", "/linux/sysctl/net~1..~1..~1x", R"("1")",
     "linux.sysctl[\"net/../../x\"]: the name must be a sysctl's, as in \"net.ipv4.ip_forward\""},
    {"sysctl_twice", "/linux/sysctl/net~1ipv4~1ip_forward", R"("1")", "linux.sysctl[\"net/ipv4/ip_forward\"]: given twice"},
    {"sysctl_number", "/linux/sysctl/net.ipv4.ip_forward", "1", "linux.sysctl[\"net.ipv4.ip_forward\"]: must be a string"},
    {"propagation", "/linux/rootfsPropagation", R"("sideways")", "linux.rootfsPropagation: unknown propagation \"sideways\""},
    {"masked_relative", "/linux/maskedPaths/0", R"("proc/kcore")", "linux.maskedPaths[0]: must be an absolute path"},
    {"readonly_dots", "/linux/readonlyPaths/0", R"("/proc/../etc")", "linux.readonlyPaths[0]: must not contain \"..\""},
    {"rdt_slash", "/linux/intelRdt/closID", R"("../x")", "linux.intelRdt.closID: must be a file name, or \"/\""},
    {"rdt_newline", "/linux/intelRdt/schemata/0", R"("L3:0=f\nMB:0=1")",
     "linux.intelRdt.schemata[0]: must not contain a newline"},
    {"rdt_bandwidth", "/linux/intelRdt/memBwSchema", R"("L3:0=f")", "linux.intelRdt.memBwSchema: must start with \"MB:\""},
    {"personality", "/linux/personality/domain", R"("BSD")", "linux.personality.domain: unknown execution domain \"BSD\""},
    {"personality_flag", "/linux/personality/flags", R"(["X"])", "linux.personality.flags: no flag is defined"},
    {"memory_policy", "/linux/memoryPolicy/mode", R"("MPOL_X")", "linux.memoryPolicy.mode: unknown memory policy \"MPOL_X\""},
    {"memory_policy_flag", "/linux/memoryPolicy/flags/0", R"("X")",
     "linux.memoryPolicy.flags[0]: unknown memory policy flag \"X\""},
};

constexpr Change kResourceChanges[] = {
    {"memory_text", "/linux/resources/memory/limit", R"("64M")",
     "linux.resources.memory.limit: must be an integer from -1 to 9223372036854775807"},
    {"memory_overflow", "/linux/resources/memory/limit", "9223372036854775808",
     "linux.resources.memory.limit: must be an integer from -1 to 9223372036854775807"},
    {"memory_negative", "/linux/resources/memory/reservation", "-2",
     "linux.resources.memory.reservation: must be an integer from -1 to 9223372036854775807"},
    {"memory_swap", "/linux/resources/memory/swap", "999999",
     "linux.resources.memory.swap: below the memory limit, which it includes"},
    {"swappiness", "/linux/resources/memory/swappiness", "101",
     "linux.resources.memory.swappiness: must be an integer from 0 to 100"},
    {"cpu_list", "/linux/resources/cpu/cpus", R"("0-")",
     "linux.resources.cpu.cpus: must be a list of numbers and ranges, as in \"0-3,7\""},
    {"cpu_burst", "/linux/resources/cpu/burst", "50001", "linux.resources.cpu.burst: above the quota"},
    {"cpu_period", "/linux/resources/cpu/period", "999",
     "linux.resources.cpu.period: must be from 1000 to 1000000 microseconds"},
    {"cpu_idle", "/linux/resources/cpu/idle", "2", "linux.resources.cpu.idle: must be an integer from 0 to 1"},
    {"cpu_shares", "/linux/resources/cpu/shares", "-1",
     "linux.resources.cpu.shares: must be an integer from 0 to 18446744073709551615"},
    {"pids", "/linux/resources/pids/limit", "-2",
     "linux.resources.pids.limit: must be an integer from -1 to 9223372036854775807"},
    {"weight", "/linux/resources/blockIO/weight", "9", "linux.resources.blockIO.weight: must be from 10 to 1000"},
    {"weight_type", "/linux/resources/blockIO/weight", "65536",
     "linux.resources.blockIO.weight: must be an integer from 0 to 65535"},
    {"weight_device", "/linux/resources/blockIO/weightDevice/0", R"({"major": 8, "minor": 0})",
     "linux.resources.blockIO.weightDevice[0]: has neither weight nor leafWeight"},
    {"throttle", "/linux/resources/blockIO/throttleReadIOPSDevice/0/rate", kGone,
     "linux.resources.blockIO.throttleReadIOPSDevice[0].rate: missing"},
    {"page_size", "/linux/resources/hugepageLimits/0/pageSize", R"("2M/../x")",
     "linux.resources.hugepageLimits[0].pageSize: must be a size as in \"64KB\", \"2MB\" or \"1GB\""},
    {"page_size_twice", "/linux/resources/hugepageLimits/1/pageSize", R"("2MB")",
     "linux.resources.hugepageLimits[1].pageSize: \"2MB\" is given twice"},
    {"priority_name", "/linux/resources/network/priorities/0/name", R"("a b")",
     "linux.resources.network.priorities[0].name: is no name of a network interface"},
    {"rdma_empty", "/linux/resources/rdma/mlx5_1", "{}", "linux.resources.rdma.mlx5_1: has neither hcaHandles nor hcaObjects"},
    {"unified_slash", "/linux/resources/unified/..~1memory.max", R"("1")",
     "linux.resources.unified[\"../memory.max\"]: the name must be of the form CONTROLLER.PARAMETER"},
    {"unified_plain", "/linux/resources/unified/memory", R"("1")",
     "linux.resources.unified.memory: the name must be of the form CONTROLLER.PARAMETER"},
    {"rule_no_allow", "/linux/resources/devices/0/allow", kGone, "linux.resources.devices[0].allow: missing"},
    {"rule_type", "/linux/resources/devices/1/type", R"("p")", "linux.resources.devices[1].type: unknown device type \"p\""},
    {"rule_access", "/linux/resources/devices/1/access", R"("rx")",
     "linux.resources.devices[1].access: must be made of r, w and m"},
};

constexpr Change kSeccompChanges[] = {
    {"seccomp_no_default", "/linux/seccomp/defaultAction", kGone, "linux.seccomp.defaultAction: missing"},
    {"seccomp_default", "/linux/seccomp/defaultAction", R"("ERRNO")",
     "linux.seccomp.defaultAction: unknown seccomp action \"ERRNO\""},
    {"seccomp_errno_where_none", "/linux/seccomp/defaultAction", R"("SCMP_ACT_KILL")",
     "linux.seccomp.defaultErrnoRet: only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE"},
    {"seccomp_errno", "/linux/seccomp/syscalls/2/errnoRet", "4096",
     "linux.seccomp.syscalls[2].errnoRet: must be an integer from 0 to 4095"},
    {"seccomp_architecture", "/linux/seccomp/architectures/0", R"("x86_64")",
     "linux.seccomp.architectures[0]: unknown seccomp architecture \"x86_64\""},
    {"seccomp_flag", "/linux/seccomp/flags/0", R"("SECCOMP_FILTER_FLAG_NEW_LISTENER")",
     "linux.seccomp.flags[0]: unknown seccomp flag \"SECCOMP_FILTER_FLAG_NEW_LISTENER\""},
    {"seccomp_metadata", "/linux/seccomp/listenerPath", kGone,
     "linux.seccomp.listenerMetadata: must not be set without listenerPath"},
    {"seccomp_no_names", "/linux/seccomp/syscalls/0/names", "[]", "linux.seccomp.syscalls[0].names: must not be empty"},
    {"seccomp_empty_name", "/linux/seccomp/syscalls/0/names/1", R"("")",
     "linux.seccomp.syscalls[0].names[1]: must not be empty"},
    {"seccomp_index", "/linux/seccomp/syscalls/1/args/0/index", "6",
     "linux.seccomp.syscalls[1].args[0].index: must be an integer from 0 to 5"},
    {"seccomp_operator", "/linux/seccomp/syscalls/1/args/0/op", R"("==")",
     "linux.seccomp.syscalls[1].args[0].op: unknown seccomp operator \"==\""},
    {"seccomp_no_value", "/linux/seccomp/syscalls/1/args/0/value", kGone, "linux.seccomp.syscalls[1].args[0].value: missing"},
};

void expect_refused(std::span<const Change> changes) {
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    const auto result = parse_config(apply(change).dump());
    ASSERT_FALSE(result.ok());
    expect_one_line(result.error().message());
    EXPECT_EQ(result.error().message(), std::string("config.json: ") + change.error);
  }
}

TEST(OciBrokenConfig, SampleIsGood) {
  const auto result = parse_config(testing::sample().dump());
  EXPECT_TRUE(result.ok()) << result.error().message();
}

TEST(OciBrokenConfig, NamesTheTopLevelField) { expect_refused(kTopLevelChanges); }
TEST(OciBrokenConfig, NamesTheMountsField) { expect_refused(kMountChanges); }
TEST(OciBrokenConfig, NamesTheFieldOfTheProcess) { expect_refused(kProcessChanges); }
TEST(OciBrokenConfig, NamesTheLinuxField) { expect_refused(kLinuxChanges); }
TEST(OciBrokenConfig, NamesTheResourcesField) { expect_refused(kResourceChanges); }
TEST(OciBrokenConfig, NamesTheSeccompField) { expect_refused(kSeccompChanges); }

TEST(OciBrokenConfig, HoldsTheLimitsOfLists) {
  const json id_mapping = {{"containerID", 0}, {"hostID", 0}, {"size", 1}};
  json document = testing::sample();
  document["linux"]["gidMappings"] = json(341, id_mapping);
  EXPECT_EQ(parse_config(document.dump()).error().message(), "config.json: linux.gidMappings: more than 340 mappings");
  document = testing::sample();
  document["process"]["user"]["additionalGids"] = json(65536, 1);
  EXPECT_TRUE(parse_config(document.dump()).ok());
  document["process"]["user"]["additionalGids"] = json(65537, 1);
  EXPECT_EQ(parse_config(document.dump()).error().message(),
            "config.json: process.user.additionalGids: more than 65536 groups");
  document = testing::sample();
  document["hostname"] = std::string(64, 'a');
  EXPECT_TRUE(parse_config(document.dump()).ok());
  document["hostname"] = std::string(65, 'a');
  EXPECT_EQ(parse_config(document.dump()).error().message(), "config.json: hostname: longer than 64 bytes");
}

// A namespace that is taken away, and the field that needs it.
TEST(OciBrokenConfig, NamesTheFieldThatNeedsANamespace) {
  const std::pair<const char*, const char*> needs[] = {
      {"user", "linux.uidMappings: needs a user namespace"},
      {"time", "linux.timeOffsets: needs a time namespace"},
      {"network", "linux.netDevices: needs a network namespace"},
      {"uts", "hostname: needs a uts namespace"},
  };
  for (const auto& [type, error] : needs) {
    json document = testing::sample();
    auto& list = document["linux"]["namespaces"];
    list.erase(std::find_if(list.begin(), list.end(), [type = type](const json& item) { return item["type"] == type; }));
    const auto result = parse_config(document.dump());
    ASSERT_FALSE(result.ok()) << type;
    EXPECT_EQ(result.error().message(), std::string("config.json: ") + error);
  }
}

TEST(OciBrokenConfig, NeedsMappingsForAnIdmapOption) {
  json document = testing::sample();
  document["mounts"][3].erase("uidMappings");
  document["mounts"][3].erase("gidMappings");
  EXPECT_TRUE(parse_config(document.dump()).ok()) << "the user namespace's own mapping serves";
  for (const char* field : {"uidMappings", "gidMappings"}) document["linux"].erase(field);
  document["linux"]["namespaces"].erase(5);
  EXPECT_EQ(parse_config(document.dump()).error().message(),
            "config.json: mounts[3].options: idmap needs uidMappings and gidMappings, or a user namespace");
}

// Every field of the sample, replaced by a value of each wrong type. Where the type is right the value may be refused or not;
// what matters is that nothing breaks and that a refusal names the field or one that depends on it.
TEST(OciBrokenConfig, SurvivesEveryTypeInEveryPlace) {
  const json values[] = {nullptr,
                         true,
                         -1,
                         0,
                         18446744073709551615U,
                         1e300,
                         "",
                         "x",
                         std::string(70000, 'y'),
                         std::string("\0", 1),
                         json::array(),
                         json::array({json::object()}),
                         json::object(),
                         json{{"", ""}}};
  const json flat = testing::sample().flatten();
  std::set<std::string> pointers;
  for (const auto& [pointer, value] : flat.items()) {
    for (json::json_pointer place(pointer); !place.empty(); place.pop_back()) pointers.insert(place.to_string());
  }
  ASSERT_GT(pointers.size(), 250U);
  size_t refused = 0;
  for (const std::string& pointer : pointers) {
    for (const json& value : values) {
      json document = testing::sample();
      document[json::json_pointer(pointer)] = value;
      const auto result = parse_config(document.dump());
      if (result.ok()) continue;
      ++refused;
      expect_one_line(result.error().message());
    }
  }
  EXPECT_GT(refused, pointers.size() * 7);
}

TEST(OciBrokenConfig, SurvivesTruncationAnywhere) {
  const std::string text = testing::sample().dump();
  for (size_t length = 0; length < text.size(); ++length) {
    const auto result = parse_config(std::string_view(text).substr(0, length));
    ASSERT_FALSE(result.ok()) << length;
    expect_one_line(result.error().message());
    EXPECT_THAT(result.error().message(),
                ::testing::MatchesRegex("config.json: line 1, column [0-9]+: unexpected end of the document"))
        << length;
  }
}

TEST(OciBrokenConfig, SurvivesAnyByteInAnyPlace) {
  const std::string text = testing::sample().dump();
  for (size_t at = 0; at < text.size(); ++at) {
    for (const char byte : {'\0', '"', '{', ']', ',', '9', 'x', '\n', '\xff', '\xc3'}) {
      std::string broken = text;
      broken[at] = byte;
      const auto result = parse_config(broken);
      if (!result.ok()) expect_one_line(result.error().message());
    }
  }
}

struct Text {
  const char* name;
  std::string text;
  const char* error;
};

TEST(OciBrokenConfig, SaysWhereTheTextIsWrong) {
  const std::string version = R"("ociVersion":"1.0.0")";
  const std::string deep_arrays = R"({"unknown":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  std::string deep_objects = R"({"a":)";
  for (int i = 0; i < 1000; ++i) deep_objects += R"({"b/c":)";
  const Text texts[] = {
      {"empty", "", "line 1, column 1: unexpected end of the document"},
      {"blank", " \n\n ", "line 3, column 2: unexpected end of the document"},
      {"not_json", "hello", "line 1, column 1: syntax error"},
      {"number", "5", "must be an object"},
      {"array", "[]", "must be an object"},
      {"null", "null", "missing"},
      {"trailing_comma", "{" + version + ",}", "line 1, column 23: syntax error"},
      {"two_documents", "{" + version + "} {}", "line 1, column 24: syntax error"},
      {"comment", "{// x\n" + version + "}", "line 1, column 2: syntax error"},
      {"single_quotes", "{'a':1}", "line 1, column 2: syntax error"},
      {"missing_colon", "{\n\"a\"\n  1}", "line 3, column 3: syntax error"},
      {"unquoted_nul", std::string("{\0}", 3), "line 1, column 2: a NUL byte"},
      {"nul_and_more", "{" + version + R"(,"root":{"path":"r"}})" + std::string("\0}", 2), "line 1, column 43: a NUL byte"},
      {"control_character", "{\"a\nb\":1}", "line 1, column 4: syntax error"},
      {"bad_escape", R"({"a\q":1})", "line 1, column 5: syntax error"},
      {"lone_surrogate", R"({"a":"\ud800"})", "line 1, column 13: syntax error"},
      {"bad_utf8", "{\"a\":\"\xff\"}", "line 1, column 7: invalid UTF-8"},
      {"overlong_utf8", "{\"a\":\"\xc0\x80\"}", "line 1, column 7: invalid UTF-8"},
      {"surrogate_utf8", "{\"a\":\"\xed\xa0\x80\"}", "line 1, column 8: invalid UTF-8"},
      {"leading_zero", R"({"a":01})", "line 1, column 7: syntax error"},
      {"hexadecimal", R"({"a":0x10})", "line 1, column 7: syntax error"},
      {"not_a_number", R"({"a":NaN})", "line 1, column 6: syntax error"},
      {"infinite", R"({"a":1e999})", "line 1, column 10: number out of range"},
      {"member_twice", R"({"root":{"path":"a","path":"b"}})", "root.path: given twice"},
      {"top_member_twice", "{" + version + "," + version + "}", "ociVersion: given twice"},
      {"escaped_member_twice", R"({"hooks":[0,{"\u0061":1,"a":2}]})", "hooks[1].a: given twice"},
      {"odd_member_twice", R"({"a\n\"b":1,"a\n\"b":1})", R"(["a\x0a\"b"]: given twice)"},
      {"deep_arrays", deep_arrays, nullptr},
      {"deep_objects", deep_objects, nullptr},
      {"nul_in_name", R"({"ociVersion":"1.0.0","root":{"path":"r"},"annotations":{"a\u0000":"x"}})",
       R"(annotations["a\x00"]: the name contains a NUL byte)"},
  };
  for (const Text& text : texts) {
    SCOPED_TRACE(text.name);
    const auto result = parse_config(text.text);
    ASSERT_FALSE(result.ok());
    expect_one_line(result.error().message());
    if (text.error != nullptr) {
      EXPECT_EQ(result.error().message(), std::string("config.json: ") + text.error);
    } else {
      EXPECT_THAT(result.error().message(), ::testing::EndsWith(": nested deeper than 64 levels"));
    }
  }
}

TEST(OciBrokenConfig, QuotesNothingOfTheDocumentWhereItIsNotJson) {
  const auto result = parse_config("{\"process\":{\"env\":[\"PASSWORD=secret");
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message(), ::testing::Not(::testing::HasSubstr("secret")));
}

TEST(OciBrokenConfig, QuotesOnlyTheBeginningOfWhatIsLong) {
  json document = testing::sample();
  document["linux"]["namespaces"][0]["type"] = std::string(100000, 'n');
  EXPECT_EQ(parse_config(document.dump()).error().message(),
            "config.json: linux.namespaces[0].type: unknown namespace type \"" + std::string(64, 'n') + "...\"");
}

TEST(OciBrokenConfig, HoldsTheSizeLimit) {
  const std::string good = R"({"ociVersion":"1.0.0","root":{"path":"r"}})";
  EXPECT_TRUE(parse_config(good + std::string(kConfigSizeLimit - good.size(), ' ')).ok());
  EXPECT_EQ(parse_config(good + std::string(kConfigSizeLimit - good.size() + 1, ' ')).error().message(),
            "config.json: larger than 16 MiB");
}

TEST(OciBrokenConfig, HoldsTheDepthLimit) {
  const auto nested = [](int depth) {
    return R"({"ociVersion":"1.0.0","root":{"path":"r"},"unknown":)" + std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']') + "}";
  };
  EXPECT_TRUE(parse_config(nested(kConfigDepthLimit - 1)).ok());
  EXPECT_FALSE(parse_config(nested(kConfigDepthLimit)).ok());
}

}  // namespace
}  // namespace litebox::oci
