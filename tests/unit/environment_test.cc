#include "shim/monitor/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace litebox::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Environment, KeepsTheFirstPlaceAndTheLastValueOfAName) {
  EXPECT_THAT(merge_environment({"A=1", "B=2", "A=3", "AB=4", "B="}), ElementsAre("A=3", "B=", "AB=4"));
  EXPECT_THAT(merge_environment({"A=1=2", "A=x=y"}), ElementsAre("A=x=y"));
  EXPECT_THAT(merge_environment({}), IsEmpty());
}

TEST(Environment, FindsANameOnly) {
  const std::vector<std::string> variables{"PATHS=x", "PATH=/bin", "EMPTY="};
  EXPECT_STREQ(find_variable(variables, "PATH"), "/bin");
  EXPECT_STREQ(find_variable(variables, "EMPTY"), "");
  EXPECT_EQ(find_variable(variables, "PAT"), nullptr);
}

TEST(Environment, FindsTheHomeOfAUser) {
  constexpr std::string_view kPasswd =
      "root:x:0:0:root:/root:/bin/sh\n"
      "broken\n"
      "empty:x:5:5::\n"
      "homeless:x:6:6:::/bin/sh\n"
      "ten:x:10:0::/ten:/bin/sh\n"
      "first:x:1:1::/first:/bin/sh\n"
      "second:x:1:1::/second:/bin/sh";
  EXPECT_EQ(home_of(kPasswd, 0), "/root");
  EXPECT_EQ(home_of(kPasswd, 1), "/first");
  EXPECT_EQ(home_of(kPasswd, 5), "/");
  EXPECT_EQ(home_of(kPasswd, 6), "/");
  EXPECT_EQ(home_of(kPasswd, 7), "/");
  EXPECT_EQ(home_of("", 0), "/");
}

}  // namespace
}  // namespace litebox::monitor
