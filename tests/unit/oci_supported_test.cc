#include "oci/supported.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "oci/default_spec.h"

namespace litebox::oci {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

json base() { return json::parse(default_spec({})); }

struct Answer {
  std::string error;
  std::vector<std::string> warnings;
};

Answer ask(const json& document) {
  const auto config = parse_config(document.dump());
  EXPECT_TRUE(config.ok()) << config.error().message();
  if (!config.ok()) return {};
  Answer answer;
  if (const Status status = check_supported(*config, answer.warnings); !status.ok()) answer.error = status.error().message();
  return answer;
}

// The base with one value set at a JSON pointer.
Answer ask(const char* pointer, const json& value) {
  json document = base();
  document[json::json_pointer(pointer)] = value;
  return ask(document);
}

void expect_unsupported(const char* pointer, const json& value, const std::string& error) {
  EXPECT_EQ(ask(pointer, value).error, error + " is not supported by litebox");
}

json namespaces(std::initializer_list<const char*> types) {
  json list = json::array();
  for (const char* type : types) list.push_back({{"type", type}});
  return list;
}

TEST(OciSupported, RefusesWhatIsKnownAndMissing) {
  expect_unsupported("/process/apparmorProfile", "docker-default", "process.apparmorProfile: AppArmor");
  expect_unsupported("/process/selinuxLabel", "a:b:c", "process.selinuxLabel: SELinux");
  expect_unsupported("/linux/intelRdt", json::object(), "linux.intelRdt: Intel RDT");
  expect_unsupported("/linux/mountLabel", "a:b:c", "linux.mountLabel: SELinux");
  expect_unsupported("/linux/netDevices", {{"eth0", json::object()}}, "linux.netDevices: moving network devices");
  expect_unsupported("/linux/seccomp", {{"defaultAction", "SCMP_ACT_NOTIFY"}}, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY");
  expect_unsupported(
      "/linux/seccomp",
      {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", {{{"names", {"mkdir"}}, {"action", "SCMP_ACT_NOTIFY"}}}}},
      "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY");
}

TEST(OciSupported, KeepsTheLimitInWhichProcessStatesLive) {
  const auto limit = [](const char* type) { return json::array({{{"type", type}, {"soft", 1}, {"hard", 1}}}); };
  expect_unsupported("/process/rlimits", limit("RLIMIT_LOCKS"), "process.rlimits[0].type: RLIMIT_LOCKS");
  EXPECT_EQ(ask("/process/rlimits", limit("RLIMIT_CORE")).error, "");
}

TEST(OciSupported, WarnsThatSeccompDoesNotLog) {
  const std::string warning = "linux.seccomp: nothing is written to the audit log";
  EXPECT_THAT(ask("/linux/seccomp", {{"defaultAction", "SCMP_ACT_LOG"}}).warnings, ElementsAre(warning));
  EXPECT_THAT(ask("/linux/seccomp", {{"defaultAction", "SCMP_ACT_ALLOW"}, {"flags", {"SECCOMP_FILTER_FLAG_LOG"}}}).warnings,
              ElementsAre(warning));
  EXPECT_THAT(ask("/linux/seccomp", {{"defaultAction", "SCMP_ACT_ALLOW"}}).warnings, IsEmpty());
}

TEST(OciSupported, TakesTheHarmlessFormsOfTheSame) {
  for (const auto& [pointer, value] : std::initializer_list<std::pair<const char*, json>>{
           {"/process/apparmorProfile", "unconfined"},
           {"/process/apparmorProfile", ""},
           {"/process/scheduler", {{"policy", "SCHED_BATCH"}}},
           {"/process/ioPriority", {{"class", "IOPRIO_CLASS_BE"}, {"priority", 0}}},
           {"/process/execCPUAffinity", {{"initial", "0"}}},
           {"/linux/memoryPolicy", {{"mode", "MPOL_LOCAL"}}},
           {"/linux/personality", {{"domain", "LINUX32"}}},
           {"/linux/seccomp", {{"defaultAction", "SCMP_ACT_ALLOW"}, {"listenerPath", "/run/agent"}}},
           {"/linux/sysctl", {{"kernel.domainname", "x"}}},
           {"/linux/rootfsPropagation", "rslave"}}) {
    const Answer answer = ask(pointer, value);
    EXPECT_EQ(answer.error, "") << pointer;
    EXPECT_THAT(answer.warnings, IsEmpty());
  }
}

TEST(OciSupported, JoinsNoTreeAndNoClock) {
  json document = base();
  document["linux"]["namespaces"] = namespaces({"pid", "ipc", "network", "uts", "cgroup", "mount"});
  for (const size_t index : {0, 1, 2, 3, 4}) document["linux"]["namespaces"][index]["path"] = "/proc/1/ns/x";
  document.erase("hostname");
  EXPECT_EQ(ask(document).error, "");
  document["linux"]["namespaces"][5]["path"] = "/proc/1/ns/mnt";
  EXPECT_EQ(ask(document).error, "linux.namespaces[5].path: joining a namespace of type mount is not supported by litebox");
}

TEST(OciSupported, TakesNamespacesThatAreLeftOut) {
  json document = base();
  document["linux"]["namespaces"] = namespaces({"mount", "uts"});
  const Answer answer = ask(document);
  EXPECT_EQ(answer.error, "");
  EXPECT_THAT(answer.warnings, IsEmpty());
}

TEST(OciSupported, AUserNamespaceNeedsMappings) {
  const auto mapped = [](const json& list) {
    json document = base();
    document["linux"]["namespaces"] = namespaces({"pid", "ipc", "uts", "user"});
    document["linux"]["uidMappings"] = list;
    document["linux"]["gidMappings"] = list;
    return ask(document).error;
  };
  const auto entry = [](uint32_t inside, uint32_t outside, uint32_t size) {
    return json{{"containerID", inside}, {"hostID", outside}, {"size", size}};
  };
  EXPECT_EQ(mapped(json::array({entry(0, 1000, 1)})), "");
  EXPECT_EQ(mapped(json::array({entry(0, 1000, 1), entry(1, 100000, 65535)})), "");
  EXPECT_EQ(mapped(json::array()), "linux.uidMappings: missing, for a user namespace");
}

TEST(OciSupported, RefusesOffsetsOfClocks) {
  json document = base();
  document["linux"]["namespaces"].push_back({{"type", "time"}});
  document["linux"]["timeOffsets"] = {{"boottime", {{"secs", 0}}}};
  EXPECT_EQ(ask(document).error, "");
  document["linux"]["timeOffsets"]["monotonic"] = {{"nanosecs", 1}};
  EXPECT_EQ(ask(document).error, "linux.timeOffsets.monotonic: an offset is not supported by litebox");
}

TEST(OciSupported, LooksAtMounts) {
  const auto mounted = [](const json& mount) {
    json document = base();
    document["mounts"] = {mount};
    return ask(document).error;
  };
  const json bind = {
      {"destination", "/a"}, {"type", "ext4"}, {"source", "/srv"}, {"options", {"bind", "rprivate", "anything=1"}}};
  EXPECT_EQ(mounted(bind), "");
  EXPECT_EQ(mounted({{"destination", "/a"}, {"type", "overlay"}, {"source", "x"}}),
            "mounts[0].type: the file system \"overlay\" is not supported by litebox");
  EXPECT_EQ(mounted({{"destination", "/a"}, {"type", "tmpfs"}, {"options", {"size=1m", "huge=always"}}}),
            "mounts[0].options[1]: \"huge=always\" is not supported by litebox");
  EXPECT_EQ(mounted({{"destination", "/proc"}, {"type", "proc"}, {"options", {"nosuid", "hidepid=2"}}}),
            "mounts[0].options[1]: \"hidepid=2\" is not supported by litebox");
  EXPECT_EQ(mounted({{"destination", "/a"}, {"type", "proc"}, {"options", {"tmpcopyup"}}}),
            "mounts[0].options[0]: tmpcopyup is for tmpfs only");
  EXPECT_EQ(mounted({{"destination", "/a"}, {"options", {"remount", "ro"}}}), "");
  json mapped = bind;
  for (const char* field : {"uidMappings", "gidMappings"}) {
    mapped[field] = {{{"containerID", 0}, {"hostID", 1}, {"size", 1}}};
  }
  EXPECT_EQ(mounted(mapped), "");
  mapped["type"] = "tmpfs";
  mapped["options"] = json::array();
  EXPECT_EQ(mounted(mapped), "mounts[0].uidMappings: for another mount than a bind mount is not supported by litebox");
}

TEST(OciSupported, TakesOnlyTheSysctlsOfAContainer) {
  const auto set = [](const char* name) { return ask("/linux/sysctl", {{name, "1"}}); };
  EXPECT_EQ(set("vm.swappiness").error, "linux.sysctl[\"vm/swappiness\"]: is the host's, not a container's");
  EXPECT_EQ(set("kernel/hostname").error, "linux.sysctl[\"kernel/hostname\"]: conflicts with the field hostname");
  for (const char* name : {"kernel.shmmax", "kernel.sem", "kernel.msgmni", "fs.mqueue.msg_max"}) {
    EXPECT_EQ(set(name).error, "");
    EXPECT_THAT(set(name).warnings, ::testing::IsEmpty());
  }
  for (const char* name : {"kernel.shm_rmid_forced", "kernel.msg_next_id"}) {
    const Answer answer = set(name);
    EXPECT_EQ(answer.error, "");
    EXPECT_THAT(answer.warnings, ElementsAre(::testing::EndsWith(": shown in /proc/sys, but not enforced")));
  }
  for (const char* name : {"net.core.somaxconn", "net.ipv4.ping_group_range"}) EXPECT_EQ(set(name).error, "");
  json document = base();
  document["linux"]["namespaces"] = namespaces({"pid", "uts", "ipc"});
  document["linux"]["sysctl"] = {{"net.ipv4.ping_group_range", "1"}};
  EXPECT_EQ(ask(document).error, "linux.sysctl[\"net/ipv4/ping_group_range\"]: needs a network namespace");
  document["linux"]["namespaces"] = namespaces({"pid", "uts", "network"});
  document["linux"]["sysctl"] = {{"kernel.msgmax", "1"}};
  EXPECT_EQ(ask(document).error, "linux.sysctl[\"kernel/msgmax\"]: needs an ipc namespace");
}

TEST(OciSupported, WarnsOfCapabilitiesThatCannotBeGranted) {
  json document = base();
  document["process"]["capabilities"] = {{"bounding", {"CAP_KILL", "CAP_SYS_BOOT", "CAP_X"}},
                                         {"permitted", {"CAP_KILL", "CAP_SYS_BOOT"}},
                                         {"effective", {"CAP_KILL", "CAP_CHOWN"}},
                                         {"ambient", {"CAP_KILL"}}};
  const Answer answer = ask(document);
  EXPECT_EQ(answer.error, "");
  EXPECT_THAT(answer.warnings,
              ElementsAre("process.capabilities: ignored, since unknown: \"CAP_X\"",
                          "process.capabilities: without effect, since they are over the host as a whole: CAP_SYS_BOOT",
                          "process.capabilities: not made ambient, since not both permitted and inheritable: CAP_KILL",
                          "process.capabilities: not made effective, since not permitted: CAP_CHOWN"));
}

TEST(OciSupported, WarnsOfOtherPlatforms) {
  EXPECT_THAT(ask("/vm", json::object()).warnings, ElementsAre("vm: ignored, since for another platform"));
}

}  // namespace
}  // namespace litebox::oci
