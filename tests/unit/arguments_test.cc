#include "cmd/litebox/arguments.h"

#include <gtest/gtest.h>

namespace litebox::command {
namespace {

using Words = std::vector<std::string>;

class ArgumentsTest : public testing::Test {
 protected:
  std::optional<Arguments> parse(CommandLine& line, const Words& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    auto parsed = line.parse(arguments);
    output_ = testing::internal::GetCapturedStdout();
    errors_ = testing::internal::GetCapturedStderr();
    return parsed;
  }

  static CommandLine exec() {
    CommandLine line("exec", "CONTAINER COMMAND", "Test.");
    line.flag("tty", "", 't').flag("detach", "", 'd').option("env", "NAME", "", 'e').option("user", "UID", "", 'u');
    return line.stop_at_first_word().words(1, SIZE_MAX);
  }

  std::string output_;
  std::string errors_;
};

TEST_F(ArgumentsTest, OptionsOfTheProgramAreLeftAlone) {
  CommandLine line = exec();
  const auto parsed = parse(line, {"-t", "-e", "A=1,2", "--env=B=3", "-u", "0", "id", "ls", "-d", "--env", "x", "--", "-h"});
  ASSERT_TRUE(parsed.has_value()) << errors_;
  EXPECT_TRUE(parsed->has("tty"));
  EXPECT_FALSE(parsed->has("detach"));
  EXPECT_EQ(parsed->values("env"), (Words{"A=1,2", "B=3"}));
  EXPECT_EQ(parsed->value("user"), "0");
  EXPECT_EQ(parsed->words(), (Words{"id", "ls", "-d", "--env", "x", "--", "-h"}));
}

TEST_F(ArgumentsTest, LettersTogether) {
  CommandLine line = exec();
  const auto parsed = parse(line, {"-tde", "A=1", "id"});
  ASSERT_TRUE(parsed.has_value()) << errors_;
  EXPECT_TRUE(parsed->has("tty"));
  EXPECT_TRUE(parsed->has("detach"));
  EXPECT_EQ(parsed->values("env"), Words{"A=1"});
}

TEST_F(ArgumentsTest, DoubleDashEndsOptions) {
  CommandLine line = exec();
  const auto parsed = parse(line, {"-t", "--", "-id", "x"});
  ASSERT_TRUE(parsed.has_value()) << errors_;
  EXPECT_EQ(parsed->words(), (Words{"-id", "x"}));
}

TEST_F(ArgumentsTest, OptionsBetweenWordsWhereRuncTakesThem) {
  CommandLine line("create", "CONTAINER", "Test.");
  line.option("bundle", "DIR", "", 'b').words(1, 1);
  const auto parsed = parse(line, {"id", "--bundle", "/x y"});
  ASSERT_TRUE(parsed.has_value()) << errors_;
  EXPECT_EQ(parsed->value("bundle"), "/x y");
  EXPECT_EQ(parsed->words(), Words{"id"});
}

TEST_F(ArgumentsTest, ValueMayLookLikeAnOption) {
  CommandLine line("update", "CONTAINER", "Test.");
  line.option("resources", "FILE", "", 'r').option("memory-swap", "N", "").words(1, 1);
  const auto parsed = parse(line, {"--resources", "-", "--memory-swap", "-1", "id"});
  ASSERT_TRUE(parsed.has_value()) << errors_;
  EXPECT_EQ(parsed->value("resources"), "-");
  EXPECT_EQ(parsed->value("memory-swap"), "-1");
}

TEST_F(ArgumentsTest, FlagsMayBeGivenAValue) {
  CommandLine line = exec();
  const auto parsed = parse(line, {"--tty=false", "--detach=true", "id"});
  ASSERT_TRUE(parsed.has_value()) << errors_;
  EXPECT_FALSE(parsed->has("tty"));
  EXPECT_TRUE(parsed->has("detach"));
}

TEST_F(ArgumentsTest, WrongLinesShowUsageAndOneError) {
  for (const Words& wrong : {Words{}, Words{"--nonsense", "id"}, Words{"--env"}, Words{"-x", "id"}}) {
    CommandLine line = exec();
    EXPECT_FALSE(parse(line, wrong).has_value());
    EXPECT_EQ(line.exit_code(), 1);
    EXPECT_NE(output_.find("Usage: exec"), std::string::npos);
    EXPECT_EQ(std::count(errors_.begin(), errors_.end(), '\n'), 1) << errors_;
  }
  CommandLine line("start", "CONTAINER", "Test.");
  EXPECT_FALSE(parse(line.words(1, 1), {"a", "b"}).has_value());
  EXPECT_EQ(line.exit_code(), 1);
}

TEST_F(ArgumentsTest, HelpIsNoError) {
  CommandLine line = exec();
  EXPECT_FALSE(parse(line, {"--help"}).has_value());
  EXPECT_EQ(line.exit_code(), 0);
  EXPECT_TRUE(errors_.empty());
}

}  // namespace
}  // namespace litebox::command
