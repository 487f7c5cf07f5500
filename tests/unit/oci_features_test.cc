// What litebox prints about itself: the features structure and the default spec, held against what it accepts.
#include "oci/features.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "oci/config.h"
#include "oci/default_spec.h"
#include "oci/supported.h"

namespace litebox::oci {
namespace {

void expect_usable(const std::string& text) {
  const auto config = parse_config(text);
  ASSERT_TRUE(config.ok()) << config.error().message();
  std::vector<std::string> warnings;
  const Status supported = check_supported(*config, warnings);
  EXPECT_TRUE(supported.ok()) << supported.error().message();
  EXPECT_TRUE(warnings.empty());
}

TEST(OciDefaultSpec, IsWellFormedAndSupported) {
  expect_usable(default_spec({}));
  expect_usable(default_spec({.rootless = true, .uid = 1000, .gid = 100}));
}

TEST(OciDefaultSpec, MapsTheCallerToRootWhenRootless) {
  const auto config = parse_config(default_spec({.rootless = true, .uid = 1000, .gid = 100}));
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->linux.uid_mappings[0].host_id, 1000U);
  EXPECT_EQ(config->linux.gid_mappings[0].host_id, 100U);
  EXPECT_EQ(config->linux.find_namespace(NamespaceType::network), nullptr);
  EXPECT_NE(config->linux.find_namespace(NamespaceType::user), nullptr);
  EXPECT_FALSE(config->linux.resources.has_value());
  for (const Mount& mount : config->mounts) EXPECT_FALSE(mount.has_option("gid=5"));
  EXPECT_TRUE(config->process->terminal);
}

TEST(OciFeatures, ListOnlyWhatIsAccepted) {
  const auto features = nlohmann::json::parse(features_to_json());
  nlohmann::json config = nlohmann::json::parse(default_spec({}));
  const auto accepts = [](const nlohmann::json& document) {
    const auto parsed = parse_config(document.dump());
    if (!parsed.ok()) return parsed.error().message();
    std::vector<std::string> warnings;
    const Status supported = check_supported(*parsed, warnings);
    return supported.ok() ? std::string() : supported.error().message();
  };
  for (const char* member : {"ociVersionMin", "ociVersionMax"}) {
    auto document = config;
    document["ociVersion"] = features[member];
    EXPECT_EQ(accepts(document), "");
  }
  ASSERT_GE(features["mountOptions"].size(), 60U);
  for (const auto& option : features["mountOptions"]) {
    auto document = config;
    document["mounts"].push_back(
        option == "tmpcopyup"
            ? nlohmann::json{{"destination", "/t"}, {"type", "tmpfs"}, {"options", {option}}}
            : nlohmann::json{{"destination", "/b"}, {"type", "bind"}, {"source", "/srv"}, {"options", {"bind", option}}});
    EXPECT_EQ(accepts(document), "") << option;
  }
  for (const auto& name : features["linux"]["namespaces"]) {
    auto document = config;
    document["linux"]["namespaces"] = {{{"type", "uts"}}};
    if (name != "uts") document["linux"]["namespaces"].push_back({{"type", name}});
    if (name == "user") {
      for (const char* list : {"uidMappings", "gidMappings"}) {
        document["linux"][list] = {{{"containerID", 0}, {"hostID", 1}, {"size", 1}}};
      }
    }
    EXPECT_EQ(accepts(document), "") << name;
  }
  const auto& seccomp = features["linux"]["seccomp"];
  auto document = config;
  document["linux"]["seccomp"] = {
      {"defaultAction", "SCMP_ACT_ALLOW"}, {"architectures", seccomp["archs"]}, {"flags", seccomp["knownFlags"]}};
  for (const auto& action : seccomp["actions"]) {
    for (const auto& op : seccomp["operators"]) {
      document["linux"]["seccomp"]["syscalls"].push_back(
          {{"names", {"read"}}, {"action", action}, {"args", {{{"index", 0}, {"value", 0}, {"op", op}}}}});
    }
  }
  EXPECT_EQ(accepts(document), "");
  EXPECT_EQ(features["linux"]["capabilities"].size(), 41U);
}

}  // namespace
}  // namespace litebox::oci
