// litebox install and uninstall: the configuration files of others, changed by a few lines and given back byte for byte.
#include "cmd/litebox/registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "cmd/litebox/edit_json.h"
#include "cmd/litebox/edit_toml.h"
#include "cmd/litebox/host_facts.h"
#include "tests/unit/temporary_directory.h"

namespace litebox::command {
namespace {

using test::read_text;
using test::TemporaryDirectory;
using test::write_text;
using testing::HasSubstr;

constexpr const char* kValue = R"({"path": "/usr/bin/litebox"})";

std::string added(const std::string& text) { return add_json_member(text, "runtimes", "litebox", kValue).value(); }
std::string removed(const std::string& text) { return remove_json_member(text, "runtimes", "litebox").value(); }

TEST(EditJson, MakesWhatIsMissing) {
  EXPECT_EQ(added(""), "{\n    \"runtimes\": {\n        \"litebox\": {\"path\": \"/usr/bin/litebox\"}\n    }\n}\n");
  EXPECT_EQ(added("{\"a\": 1}"),
            "{\n    \"runtimes\": {\n        \"litebox\": {\"path\": \"/usr/bin/litebox\"}\n    },\"a\": 1}");
  EXPECT_EQ(added("{}"), "{\n    \"runtimes\": {\n        \"litebox\": {\"path\": \"/usr/bin/litebox\"}\n    }\n}");
}

TEST(EditJson, TakesOutWhatItPutIn) {
  for (const char* text : {"{\n  \"a\": [1, {\"runtimes\": 2}],\n\t\"b\" : \"}{\\\"\"\n}\n",
                           "{\"runtimes\": {\"crun\": {\"path\": \"/c\"}}, \"z\": null}",
                           "{\n    \"runtimes\": {\n        \"x\": {}\n    }\n}", "  { \"log-driver\": \"json-file\" }  \n"}) {
    const std::string once = added(text);
    EXPECT_NE(once, text);
    EXPECT_EQ(added(once), once);
    EXPECT_EQ(removed(once), text);
    EXPECT_EQ(removed(text), text);
  }
}

TEST(EditJson, TakesOutAMemberThatSomebodyHasMoved) {
  EXPECT_EQ(removed(R"({"runtimes": {"crun": {}, "litebox": {"path": "/x"}}, "b": 2})"),
            R"({"runtimes": {"crun": {}}, "b": 2})");
  EXPECT_EQ(removed(R"({"a": 1, "runtimes": {"litebox": {}}})"), R"({"a": 1})");
}

TEST(EditJson, LeavesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(add_json_member("{", "runtimes", "litebox", kValue).ok());
  EXPECT_FALSE(add_json_member("[]", "runtimes", "litebox", kValue).ok());
  EXPECT_FALSE(add_json_member(R"({"runtimes": []})", "runtimes", "litebox", kValue).ok());
  EXPECT_FALSE(add_json_member(R"({"runtimes": {"litebox": {"path": "/other"}}})", "runtimes", "litebox", kValue).ok());
  EXPECT_FALSE(remove_json_member("{,}", "runtimes", "litebox").ok());
}

const TomlEntry kOwnTable{"plugins.\"x\".litebox", "", "  a = 1\n"};
const TomlEntry kSharedTable{"engine.runtimes", "litebox", "litebox = [\"/x\"]\n", true};

TEST(EditToml, TakesOutWhatItPutIn) {
  for (const char* text : {"", "version = 2\n", "# comment\n[a]\nb = \"[engine.runtimes]\"\n",
                           "[engine]\nx = 1\n[ engine.runtimes ] # ours\ncrun = [\"/c\"]\n\n[network]\n"}) {
    for (const TomlEntry& entry : {kOwnTable, kSharedTable}) {
      const std::string once = add_toml_entry(text, entry).value();
      EXPECT_NE(once, text);
      EXPECT_EQ(add_toml_entry(once, entry).value(), once);
      EXPECT_EQ(remove_toml_entry(once), text);
      EXPECT_EQ(remove_toml_entry(text), text);
    }
  }
}

TEST(EditToml, SharesATableThatIsThere) {
  const std::string text = add_toml_entry("[engine.runtimes]\ncrun = [\"/c\"]\n", kSharedTable).value();
  EXPECT_EQ(text.find("[engine.runtimes]"), text.rfind("[engine.runtimes]"));
  EXPECT_LT(text.find("litebox = "), text.find("crun = "));
}

TEST(EditToml, LeavesAnEntryOfSomebodyElse) {
  EXPECT_FALSE(add_toml_entry("[engine.runtimes]\nlitebox = [\"/mine\"]\n", kSharedTable).ok());
  EXPECT_FALSE(add_toml_entry("[plugins.\"x\".litebox]\n", kOwnTable).ok());
  EXPECT_TRUE(add_toml_entry("[other]\nlitebox = [\"/mine\"]\n", kSharedTable).ok());
}

TEST(EditToml, KnowsTheVersion) {
  EXPECT_EQ(toml_version("# version = 9\nversion = 3\n"), 3);
  EXPECT_EQ(toml_version("root = \"/x\"\n[a]\nversion = 2\n"), 1);
}

class RegistrationTest : public testing::Test {
 protected:
  RegistrationTest() : paths_{directory_.path(), "/usr/bin/litebox"} {}

  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(directory_.path() + path).parent_path());
    write_text(directory_.path() + path, text);
  }
  std::string get(const std::string& path) { return read_text(directory_.path() + path); }

  void install(const std::string& engine) {
    const auto change = plan_install(paths_, engine);
    ASSERT_TRUE(change.ok()) << change.error().message();
    ASSERT_TRUE(apply_install(*change).ok());
  }
  void uninstall(const std::string& engine) {
    const auto change = plan_uninstall(paths_, engine);
    ASSERT_TRUE(change.ok()) << change.error().message();
    ASSERT_TRUE(apply_uninstall(*change).ok());
  }

  TemporaryDirectory directory_;
  RegistrationPaths paths_;
};

TEST_F(RegistrationTest, GivesFilesBackByteForByte) {
  const std::vector<std::pair<std::string, std::string>> files{{"docker", "/etc/docker/daemon.json"},
                                                               {"podman", "/etc/containers/containers.conf"},
                                                               {"containerd", "/etc/containerd/config.toml"}};
  for (const auto& [engine, path] : files) {
    for (const std::string& text : engine == "docker"
                                       ? std::vector<std::string>{"{}", "{\n    \"runtimes\": {\n    }\n}", "{ \"a\": 1 }"}
                                       : std::vector<std::string>{"", "a = 1", "version = 2\n", "version = 3\n[x]\n"}) {
      put(path, text);
      install(engine);
      const std::string once = get(path);
      EXPECT_NE(once, text);
      EXPECT_EQ(get(backup_of(path)), text);
      install(engine);
      EXPECT_EQ(get(path), once);
      EXPECT_EQ(get(backup_of(path)), text);
      uninstall(engine);
      EXPECT_EQ(get(path), text);
      EXPECT_FALSE(std::filesystem::exists(directory_.path() + backup_of(path)));
      uninstall(engine);
      EXPECT_EQ(get(path), text);
    }
  }
}

TEST_F(RegistrationTest, RemovesFilesThatItHasMade) {
  for (const auto& [engine, path] :
       std::vector<std::pair<std::string, std::string>>{{"docker", "/etc/docker/daemon.json"},
                                                        {"podman", "/etc/containers/containers.conf"},
                                                        {"containerd", "/etc/containerd/config.toml"}}) {
    install(engine);
    EXPECT_THAT(get(path), HasSubstr("litebox"));
    uninstall(engine);
    EXPECT_FALSE(std::filesystem::exists(directory_.path() + path)) << path;
  }
}

TEST_F(RegistrationTest, KeepsWhatOthersChangedMeanwhile) {
  put("/etc/docker/daemon.json", "{\"a\": 1}");
  install("docker");
  std::string text = get("/etc/docker/daemon.json");
  text.replace(text.find("\"a\": 1"), 6, "\"a\": 2");
  put("/etc/docker/daemon.json", text);
  uninstall("docker");
  EXPECT_EQ(get("/etc/docker/daemon.json"), "{\"a\": 2}");
  EXPECT_EQ(get("/etc/docker/daemon.json.before-litebox"), "{\"a\": 1}");
}

TEST_F(RegistrationTest, KeepsTheMode) {
  put("/etc/docker/daemon.json", "{}");
  ASSERT_EQ(chmod((directory_.path() + "/etc/docker/daemon.json").c_str(), 0640), 0);
  install("docker");
  struct stat status {};
  ASSERT_EQ(stat((directory_.path() + "/etc/docker/daemon.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

TEST_F(RegistrationTest, ChoosesTheTableOfContainerdsVersion) {
  put("/etc/containerd/config.toml", "version = 3\n");
  install("containerd");
  EXPECT_THAT(get("/etc/containerd/config.toml"), HasSubstr("[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes."
                                                            "litebox]\n  runtime_type = \"io.containerd.litebox.v2\"\n"));
  put("/etc/containerd/config.toml", "root = \"/x\"\n");
  install("containerd");
  EXPECT_THAT(get("/etc/containerd/config.toml"), HasSubstr("[plugins.cri.containerd.runtimes.litebox]\n"));
}

TEST_F(RegistrationTest, FindsTheEnginesThatAreThere) {
  EXPECT_TRUE(present_engines(paths_).empty());
  put("/usr/bin/podman", "");
  put("/etc/containerd/config.toml", "");
  EXPECT_THAT(present_engines(paths_), testing::ElementsAre("podman", "containerd"));
  EXPECT_FALSE(plan_install(paths_, "rkt").ok());
}

HostFacts good_host() {
  HostFacts facts;
  facts.kernel = "6.18.0";
  facts.major = 6;
  facts.minor = 18;
  facts.machine = "x86_64";
  facts.notifications = true;
  facts.landlock_abi = 7;
  facts.yama = 1;
  facts.root = facts.may_own = facts.may_chroot = facts.may_make_network = facts.may_trace = facts.may_limit = true;
  facts.cgroups = "v2";
  facts.notification_microseconds = 12;
  return facts;
}

int count(const HostFacts& facts, Verdict verdict) {
  int number = 0;
  for (const Finding& finding : judge(facts)) number += finding.verdict == verdict ? 1 : 0;
  return number;
}

TEST(HostFindings, SayWhatIsMissing) {
  EXPECT_EQ(count(good_host(), Verdict::good), static_cast<int>(judge(good_host()).size()));
  HostFacts facts = good_host();
  facts.major = 5;
  EXPECT_EQ(count(facts, Verdict::missing), 1);
  facts.minor = 19;
  EXPECT_EQ(count(facts, Verdict::missing), 0);
  facts.yama = 3;
  EXPECT_EQ(count(facts, Verdict::missing), 1);
  facts.notification_microseconds.reset();
  EXPECT_EQ(count(facts, Verdict::missing), 2);
}

TEST(HostFindings, SayWhatAnOrdinaryUserLacks) {
  HostFacts facts = good_host();
  facts.root = facts.may_own = facts.may_chroot = facts.may_make_network = facts.may_trace = facts.may_limit = false;
  EXPECT_EQ(count(facts, Verdict::missing), 0);
  EXPECT_EQ(count(facts, Verdict::reduced), 5);
  facts.yama = 2;
  EXPECT_EQ(count(facts, Verdict::missing), 1);
  facts.landlock_abi = 0;
  EXPECT_EQ(count(facts, Verdict::reduced), 6);
}

TEST(HostFacts, AreOfThisHost) {
  const HostFacts facts = gather_host_facts();
  EXPECT_EQ(facts.machine, "x86_64");
  EXPECT_GE(facts.major, 5U);
  EXPECT_TRUE(facts.notifications);
  ASSERT_TRUE(facts.notification_microseconds);
  EXPECT_GT(*facts.notification_microseconds, 0.5);
}

}  // namespace
}  // namespace litebox::command
