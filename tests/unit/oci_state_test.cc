#include "oci/state.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace litebox::oci {
namespace {

State sample_state() {
  return {"1.0.2",      "box", ContainerStatus::running, 4422, "/bundle", "/bundle/rootfs", "2026-11-24T02:39:07.25Z",
          {{"k", "v"}}, "root"};
}

TEST(OciState, IsPrintedAsCallersReadIt) {
  EXPECT_EQ(state_to_json(sample_state()),
            "{\n"
            "  \"ociVersion\": \"1.0.2\",\n"
            "  \"id\": \"box\",\n"
            "  \"pid\": 4422,\n"
            "  \"status\": \"running\",\n"
            "  \"bundle\": \"/bundle\",\n"
            "  \"rootfs\": \"/bundle/rootfs\",\n"
            "  \"created\": \"2026-11-24T02:39:07.25Z\",\n"
            "  \"annotations\": {\n"
            "    \"k\": \"v\"\n"
            "  },\n"
            "  \"owner\": \"root\"\n"
            "}");
}

TEST(OciState, ShowsNoPidOnceStopped) {
  State state = sample_state();
  state.status = ContainerStatus::stopped;
  state.annotations.clear();
  const auto printed = nlohmann::json::parse(state_to_json(state));
  EXPECT_EQ(printed["pid"], 0);
  EXPECT_FALSE(printed.contains("annotations"));
  EXPECT_EQ(state_to_hook_json(state), R"({"ociVersion":"1.0.2","id":"box","status":"stopped","bundle":"/bundle"})");
}

TEST(OciState, GoesToHooksWithTheSpecificationsMembersOnly) {
  EXPECT_EQ(state_to_hook_json(sample_state()),
            R"({"ociVersion":"1.0.2","id":"box","status":"running","pid":4422,"bundle":"/bundle","annotations":{"k":"v"}})");
}

TEST(OciState, IsListed) {
  EXPECT_EQ(states_to_json({}), "null");
  const std::string list = states_to_json({sample_state(), sample_state()});
  EXPECT_EQ(list.find('\n'), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(list)[1], nlohmann::json::parse(state_to_json(sample_state())));
}

TEST(OciState, IsReadBack) {
  for (const std::string& text : {state_to_json(sample_state()), state_to_hook_json(sample_state())}) {
    const auto state = parse_state(text);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state_to_hook_json(*state), state_to_hook_json(sample_state()));
  }
  EXPECT_EQ(state_to_json(*parse_state(state_to_json(sample_state()))), state_to_json(sample_state()));
}

TEST(OciState, NamesTheMemberThatIsWrong) {
  EXPECT_EQ(parse_state("{}").error().message(), "state.json: ociVersion: missing");
  EXPECT_EQ(parse_state(R"({"ociVersion":"1.0.2","id":"a","status":"asleep","bundle":"/"})", "x").error().message(),
            "x: status: unknown status \"asleep\"");
  EXPECT_EQ(parse_state(R"({"ociVersion":"1.0.2","id":"a","status":"running","bundle":"/","pid":-1})").error().message(),
            "state.json: pid: must be an integer from 0 to 2147483647");
}

TEST(OciState, SurvivesPathsThatAreNotUtf8) {
  State state = sample_state();
  state.bundle = "/\xff";
  EXPECT_EQ(parse_state(state_to_json(state))->bundle, "/\xef\xbf\xbd");
}

TEST(OciState, NamesStatuses) {
  for (const auto status : {ContainerStatus::creating, ContainerStatus::created, ContainerStatus::running,
                            ContainerStatus::paused, ContainerStatus::stopped}) {
    EXPECT_EQ(parse_status(status_name(status)), status);
  }
  EXPECT_EQ(parse_status("Running"), std::nullopt);
}

TEST(OciState, FormatsTimeAsRfc3339) {
  using std::chrono::milliseconds, std::chrono::nanoseconds, std::chrono::seconds, std::chrono::system_clock;
  const system_clock::time_point whole{seconds(1795487947)};
  EXPECT_EQ(format_time(whole), "2026-11-24T02:39:07Z");
  EXPECT_EQ(format_time(whole + milliseconds(250)), "2026-11-24T02:39:07.25Z");
  EXPECT_EQ(format_time(whole + nanoseconds(1)), "2026-11-24T02:39:07.000000001Z");
  EXPECT_EQ(format_time(system_clock::time_point{nanoseconds(-1)}), "1969-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace litebox::oci
