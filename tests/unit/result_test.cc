#include "base/result.h"

#include <gtest/gtest.h>

namespace litebox {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error(EINVAL, "half of " + std::to_string(n));
  return n / 2;
}

Result<int> quarter(int n) {
  LITEBOX_ASSIGN(const int h, half(n));
  return half(h);
}

TEST(Result, CarriesAValueThroughAssign) {
  const auto result = quarter(8);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 2);
}

TEST(Result, LeavesWithTheFirstError) {
  auto result = quarter(6);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().number(), EINVAL);
  EXPECT_EQ(std::move(result).error().within("quarter").message(), "quarter: half of 3: Invalid argument");
}

}  // namespace
}  // namespace litebox
