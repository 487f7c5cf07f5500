#include "runtime/network.h"

#include <gtest/gtest.h>

namespace litebox::runtime {
namespace {

oci::Linux with_network(const std::string& path) {
  oci::Linux config;
  config.namespaces.push_back({oci::NamespaceType::network, path});
  return config;
}

TEST(Network, IsTheHostsUnlessOneIsAskedFor) {
  const auto plan = plan_network(oci::Linux(), true);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->mode, NetworkMode::host);
  EXPECT_FALSE(leads_elsewhere(*plan));
}

TEST(Network, IsAnOwnOneWhereItMayBeMade) {
  const auto own = plan_network(with_network(""), true);
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(own->mode, NetworkMode::own);
  EXPECT_TRUE(leads_elsewhere(*own));
  const auto none = plan_network(with_network(""), false);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->mode, NetworkMode::none);
  EXPECT_FALSE(leads_elsewhere(*none));
}

TEST(Network, MayBeTheOwnOneByItsPath) {
  const auto plan = plan_network(with_network("/proc/self/ns/net"), false);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->mode, NetworkMode::joined);
  EXPECT_FALSE(leads_elsewhere(*plan));
}

TEST(Network, MustBeOne) {
  EXPECT_EQ(plan_network(with_network("/proc/self/ns/mnt"), true).error().number(), EINVAL);
  EXPECT_EQ(plan_network(with_network("/proc/self/ns/missing"), true).error().number(), ENOENT);
}

}  // namespace
}  // namespace litebox::runtime
