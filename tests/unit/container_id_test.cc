#include "runtime/container_id.h"

#include <gtest/gtest.h>

#include <string>

namespace litebox::runtime {
namespace {

TEST(ContainerId, TakesLettersDigitsAndPunctuation) {
  for (const char* id : {"a", "web-1", "A_b+c.d", "...", "0", "-x"}) EXPECT_TRUE(validate_id(id).ok()) << id;
  EXPECT_TRUE(validate_id(std::string(255, 'x')).ok());
}

TEST(ContainerId, RefusesEverythingElse) {
  using std::string_literals::operator""s;
  for (const std::string& id : {""s, "."s, ".."s, "a/b"s, "/"s, "../x"s, "a b"s, "a\0b"s, "a\n"s, "\xc3\xa9"s, "a:b"s}) {
    EXPECT_FALSE(validate_id(id).ok()) << id;
  }
  EXPECT_FALSE(validate_id(std::string(256, 'x')).ok());
}

}  // namespace
}  // namespace litebox::runtime
