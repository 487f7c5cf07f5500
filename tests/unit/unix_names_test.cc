#include "shim/kernel/unix_names.h"

#include <gtest/gtest.h>

namespace litebox::kernel {
namespace {

const std::string kNul(1, '\0');

TEST(UnixNames, AbstractNamesAreTheContainersOnTheHostsNetwork) {
  UnixNames names("token:");
  const std::string outside = names.abstract_outside(kNul + "name");
  EXPECT_EQ(outside, kNul + "token:name");
  EXPECT_EQ(names.inside(outside), kNul + "name");
  EXPECT_EQ(names.listed("@token:name"), "@name");
  EXPECT_EQ(names.listed("@token:@after"), "@@after");
}

TEST(UnixNames, NamesAsLongAsCanBeComeBack) {
  UnixNames names("token:");
  const std::string longest = kNul + std::string(kLongestUnixAddress - 1, 'x');
  const std::string outside = names.abstract_outside(longest);
  EXPECT_LE(outside.size(), kLongestUnixAddress);
  EXPECT_EQ(names.inside(outside), longest);
  std::string shown = outside;
  for (char& c : shown) c = c == '\0' ? '@' : c;
  EXPECT_EQ(names.listed(shown), "@" + longest.substr(1));
}

TEST(UnixNames, AbstractNamesOfAnOwnNetworkStayAsTheyAre) {
  UnixNames names("token:");
  names.share_abstract_names();
  const std::string longest = kNul + std::string(kLongestUnixAddress - 1, 'x');
  EXPECT_EQ(names.abstract_outside(longest), longest);
  EXPECT_EQ(names.inside(kNul + "name"), kNul + "name");
  EXPECT_EQ(names.listed("@name"), "@name");
}

TEST(UnixNames, OfPathsOnlyTheContainersAreListed) {
  UnixNames names("token:");
  const std::string outside = names.path_outside("/run/socket", "socket");
  EXPECT_EQ(names.listed(outside), "/run/socket");
  EXPECT_EQ(names.listed("/run/of-the-host"), "");
  names.forget(outside);
  EXPECT_EQ(names.listed(outside), "");
}

}  // namespace
}  // namespace litebox::kernel
