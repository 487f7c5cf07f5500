#include "shim/monitor/shortcuts.h"

#include <gtest/gtest.h>

namespace litebox::monitor {
namespace {

using oci::SeccompAction;

oci::Seccomp profile_of(SeccompAction otherwise, std::vector<oci::SeccompRule> rules) {
  oci::Seccomp profile;
  profile.default_action = otherwise;
  profile.syscalls = std::move(rules);
  return profile;
}

TEST(Shortcuts, AreAllThereWithoutAProfile) { EXPECT_EQ(shortcuts_of(std::nullopt), rewrite::Shortcuts()); }

TEST(Shortcuts, AreThoseWhoseCallsTheProfileAllows) {
  const auto shortcuts = shortcuts_of(profile_of(SeccompAction::kill, {{{"stat", "newfstatat"}, SeccompAction::allow, {}, {}},
                                                                       {{"readlink"}, SeccompAction::log, {}, {}}}));
  EXPECT_TRUE(shortcuts.newfstatat);
  EXPECT_TRUE(shortcuts.readlink);
  EXPECT_FALSE(shortcuts.fstat);
  EXPECT_FALSE(shortcuts.getxattrat);
  EXPECT_FALSE(shortcuts.fcntl);
  EXPECT_TRUE(shortcuts.paths);
}

TEST(Shortcuts, AreNotThoseThatAProfileRefuses) {
  const auto shortcuts = shortcuts_of(profile_of(SeccompAction::allow, {{{"fstat"}, SeccompAction::error, {}, {}}}));
  EXPECT_FALSE(shortcuts.fstat);
  EXPECT_TRUE(shortcuts.newfstatat);
}

TEST(Shortcuts, NeedTheirCallsWithAnyArguments) {
  const oci::SeccompArgument zero{};
  const auto allowed = shortcuts_of(profile_of(SeccompAction::error, {{{"readlink"}, SeccompAction::allow, {}, {zero}}}));
  EXPECT_FALSE(allowed.readlink);
  const auto refused = shortcuts_of(profile_of(SeccompAction::allow, {{{"readlink"}, SeccompAction::error, {}, {zero}}}));
  EXPECT_FALSE(refused.readlink);
}

TEST(Shortcuts, OfThoseWhoAskForPathsAreNoPaths) {
  const auto shortcuts = without_paths(shortcuts_of(std::nullopt));
  EXPECT_FALSE(shortcuts.paths);
}

}  // namespace
}  // namespace litebox::monitor
