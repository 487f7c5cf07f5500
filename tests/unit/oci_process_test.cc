// The stand-alone Process document: read, written, read again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/resource.h>

#include "oci/capabilities.h"
#include "oci/process_json.h"
#include "oci/rlimits.h"
#include "tests/unit/oci_sample.h"

namespace litebox::oci {
namespace {

using ::testing::ElementsAre;

Process parse(const nlohmann::json& document) {
  auto result = parse_process(document.dump());
  EXPECT_TRUE(result.ok()) << result.error().message();
  return result.ok() ? *std::move(result) : Process{};
}

std::string error_of(const nlohmann::json& document) {
  const auto result = parse_process(document.dump());
  return result.ok() ? "accepted" : result.error().message();
}

nlohmann::json minimal() { return {{"args", {"true"}}, {"cwd", "/"}}; }

void expect_sample(const Process& process) {
  EXPECT_TRUE(process.terminal);
  EXPECT_EQ(process.console_size->height, 25U);
  EXPECT_EQ(process.console_size->width, 80U);
  EXPECT_EQ(process.user.uid, 1000U);
  EXPECT_EQ(process.user.gid, 1001U);
  EXPECT_EQ(process.user.umask, 027U);
  EXPECT_THAT(process.user.additional_gids, ElementsAre(4U, 5U));
  EXPECT_THAT(process.args, ElementsAre("sh", "-c", "exit 3"));
  EXPECT_THAT(process.env, ElementsAre("PATH=/bin", "EMPTY="));
  EXPECT_EQ(process.cwd, "/root");
  ASSERT_EQ(process.rlimits.size(), 2U);
  EXPECT_EQ(process.rlimits[0].resource, RLIMIT_NOFILE);
  EXPECT_EQ(process.rlimits[0].soft, 1024U);
  EXPECT_EQ(process.rlimits[0].hard, 4096U);
  EXPECT_EQ(process.rlimits[1].hard, RLIM_INFINITY);
  const Capabilities& capabilities = process.capabilities.value();
  EXPECT_EQ(capabilities.bounding->mask, (1U << 0U) | (1U << 5U));
  EXPECT_EQ(capabilities.effective->mask, 1U << 5U);
  EXPECT_THAT(capabilities.permitted->names, ElementsAre("CAP_KILL"));
  EXPECT_EQ(capabilities.ambient->mask, 0U);
  EXPECT_TRUE(process.no_new_privileges);
  EXPECT_EQ(process.oom_score_adj, -100);
  EXPECT_EQ(process.apparmor_profile, "unconfined");
  EXPECT_EQ(process.scheduler->policy_number, static_cast<uint32_t>(SCHED_DEADLINE));
  EXPECT_EQ(process.scheduler->nice, -5);
  EXPECT_EQ(process.scheduler->flag_bits, static_cast<uint64_t>(SCHED_FLAG_RESET_ON_FORK));
  EXPECT_EQ(process.scheduler->runtime, 1000000U);
  EXPECT_EQ(process.scheduler->deadline, 2000000U);
  EXPECT_EQ(process.scheduler->period, 3000000U);
  EXPECT_EQ(process.io_priority->class_number, 2U);
  EXPECT_EQ(process.io_priority->priority, 7);
  EXPECT_EQ(process.exec_cpu_affinity->initial, "0");
  EXPECT_EQ(process.exec_cpu_affinity->final, "0-3,7");
}

TEST(OciProcess, ReadsEveryField) { expect_sample(parse(testing::sample()["process"])); }

TEST(OciProcess, ReadsBackWhatItWrites) {
  const std::string text = process_to_json(parse(testing::sample()["process"]));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  expect_sample(parse(nlohmann::json::parse(text)));
}

TEST(OciProcess, KeepsAbsenceApartFromEmptiness) {
  const Process process = parse(nlohmann::json::parse(process_to_json(parse(minimal()))));
  EXPECT_FALSE(process.capabilities.has_value());
  EXPECT_FALSE(process.user.umask.has_value());
  EXPECT_FALSE(process.oom_score_adj.has_value());
  EXPECT_FALSE(process.scheduler.has_value());
  EXPECT_EQ(process.user.uid, 0U);

  nlohmann::json document = minimal();
  document["capabilities"] = {{"bounding", nlohmann::json::array()}};
  const Process other = parse(nlohmann::json::parse(process_to_json(parse(document))));
  EXPECT_TRUE(other.capabilities->bounding.has_value());
  EXPECT_FALSE(other.capabilities->effective.has_value());
}

TEST(OciProcess, IgnoresTheConsoleSizeWithoutATerminal) {
  nlohmann::json document = minimal();
  document["consoleSize"] = "nonsense";
  EXPECT_FALSE(parse(document).console_size.has_value());
}

TEST(OciProcess, KeepsNamesOfUnknownCapabilities) {
  nlohmann::json document = minimal();
  document["capabilities"]["bounding"] = {"CAP_KILL", "CAP_FROM_THE_FUTURE", "kill"};
  const CapabilitySet set = parse(document).capabilities->bounding.value();
  EXPECT_EQ(set.mask, 1U << 5U);
  EXPECT_EQ(set.names.size(), 3U);
}

TEST(OciProcess, SurvivesArgumentsThatAreNotUtf8) {
  Process process = parse(minimal());
  process.args.emplace_back("\xff");
  const auto result = parse_process(process_to_json(process));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->args.back(), "\xef\xbf\xbd");
}

TEST(OciProcess, NamesTheFieldThatIsWrong) {
  nlohmann::json document = minimal();
  document["user"] = {{"uid", -1}, {"gid", 0}};
  EXPECT_EQ(error_of(document), "process.json: user.uid: must be an integer from 0 to 4294967294");
  document = minimal();
  document.erase("args");
  EXPECT_EQ(error_of(document), "process.json: args: missing");
  EXPECT_EQ(error_of(nlohmann::json::array()), "process.json: must be an object");
}

TEST(OciProcess, TakesListsOfProcessorsOnlyInTheirForm) {
  for (const char* list : {"", "0", "0-3", "0-3,7", "1,2,3", "65535"}) {
    nlohmann::json document = minimal();
    document["execCPUAffinity"]["final"] = list;
    EXPECT_EQ(parse(document).exec_cpu_affinity->final, list);
  }
  for (const char* list : {",", "1,", "-1", "1-", "3-1", "1 2", "a", "1,,2", "100000", "0x1", "1-2-3"}) {
    nlohmann::json document = minimal();
    document["execCPUAffinity"]["final"] = list;
    EXPECT_EQ(error_of(document), "process.json: execCPUAffinity.final: must be a list of numbers and ranges, as in \"0-3,7\"")
        << list;
  }
}

TEST(OciCapabilities, AgreeWithTheKernelsNumbers) {
  EXPECT_EQ(capability_number("CAP_CHOWN"), 0);
  EXPECT_EQ(capability_number("CAP_SYS_ADMIN"), 21);
  EXPECT_EQ(capability_number("CAP_SETFCAP"), 31);
  EXPECT_EQ(capability_number("CAP_CHECKPOINT_RESTORE"), 40);
  EXPECT_EQ(capability_number("cap_chown"), std::nullopt);
  EXPECT_EQ(capability_name(38), "CAP_PERFMON");
  EXPECT_EQ(capability_name(41), "");
  EXPECT_EQ(capability_name(-1), "");
  EXPECT_THAT(capability_names((1ULL << 40U) | 1U), ElementsAre("CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"));
  EXPECT_EQ(capability_names(kAllCapabilities).size(), 41U);
  for (int number = 0; number <= kLastCapability; ++number) {
    EXPECT_EQ(capability_number(capability_name(number)), number);
  }
}

TEST(OciRlimits, HaveANameForEveryNumber) {
  for (int number = 0; number < static_cast<int>(RLIM_NLIMITS); ++number) {
    EXPECT_EQ(rlimit_number(rlimit_name(number)), number);
  }
  EXPECT_EQ(rlimit_name(RLIM_NLIMITS), "");
  EXPECT_EQ(rlimit_number("RLIMIT_OFILE"), std::nullopt);
}

}  // namespace
}  // namespace litebox::oci
