// Reading syscalls.yaml: what is right is kept, what is wrong is named with its line.
#include "shim/table/generator/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace litebox::table::generator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TableSpec : public testing::Test {
 protected:
  Reading read(const std::string& text) {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    const std::string path = testing::TempDir() + "litebox_" + info->name() + std::to_string(getpid()) + ".yaml";
    std::ofstream(path) << text;
    Reading reading = read_spec(path);
    std::filesystem::remove(path);
    return reading;
  }

  // Expects exactly one problem, on `line` of the document, that says `text`.
  void expect_problem(const std::string& document, int line, const std::string& text) {
    const Reading reading = read(document);
    ASSERT_EQ(reading.problems.size(), 1U) << document << testing::PrintToString(reading.problems);
    EXPECT_THAT(reading.problems.front(), HasSubstr(".yaml:" + std::to_string(line) + ": ")) << document;
    EXPECT_THAT(reading.problems.front(), HasSubstr(text)) << document;
  }
};

// One call with the lines that follow its name.
std::string call(const std::string& rest) { return "syscalls:\n  - number: 7\n    name: poll\n" + rest; }

TEST_F(TableSpec, KeepsWhatItReads) {
  const Reading reading = read(
      "constants:\n  NEW_FLAG: 0x10\n"
      "hypercalls:\n  - {name: hello, number: abi::kHypercallHello, arguments: [pointer]}\n"
      "syscalls:\n"
      "  - number: 7\n    name: poll\n    arguments: [pid, pointer]\n    route: argument\n"
      "    when:\n      - {if: [own_network, \"!confined_root\"], route: native}\n"
      "    rules:\n"
      "      - {argument: 0, any_bits: NEW_FLAG|B, route: refused, errno: EPERM, reason: Because.}\n"
      "      - match:\n          - {argument: 0, mask: 7, equals: 3}\n          - {argument: 1, width: 32, not_equals: [1, "
      "X]}\n"
      "        route: monitor\n"
      "    otherwise: native\n    pending: true\n    reason: So it is.\n");
  ASSERT_THAT(reading.problems, ElementsAre());
  ASSERT_EQ(reading.spec.entries.size(), 1U);
  const EntrySpec& entry = reading.spec.entries.front();
  EXPECT_EQ(entry.handler, "sys_poll");
  EXPECT_TRUE(entry.pending);
  EXPECT_EQ(entry.otherwise.route, "native");
  EXPECT_THAT(entry.overrides.front().when.required, ElementsAre("own_network"));
  EXPECT_THAT(entry.overrides.front().when.forbidden, ElementsAre("confined_root"));
  ASSERT_EQ(entry.rules.size(), 2U);
  EXPECT_EQ(entry.rules[0].decision.error, "EPERM");
  EXPECT_EQ(entry.rules[0].matches[0].mask, "NEW_FLAG|B");
  EXPECT_EQ(entry.rules[0].matches[0].width, 32);
  EXPECT_TRUE(entry.rules[0].matches[0].negated);
  EXPECT_THAT(entry.rules[0].matches[0].values, ElementsAre("0"));
  ASSERT_EQ(entry.rules[1].matches.size(), 2U);
  EXPECT_EQ(entry.rules[1].matches[0].mask, "7");
  EXPECT_FALSE(entry.rules[1].matches[0].negated);
  EXPECT_EQ(entry.rules[1].matches[1].width, 32);
  EXPECT_THAT(entry.rules[1].matches[1].values, ElementsAre("1", "X"));
  EXPECT_EQ(reading.spec.constants.front().first, "NEW_FLAG");
  EXPECT_EQ(reading.spec.hypercalls.front().number, "abi::kHypercallHello");
}

TEST_F(TableSpec, NamesTheLineOfWhatIsWrong) {
  expect_problem("syscalls: [\n", 2, "");
  expect_problem("calls: []\n", 1, "unknown key 'calls'");
  expect_problem("constants:\n  UNUSED: 1\nsyscalls: []\n", 2, "nothing uses 'UNUSED'");
  expect_problem(call("    arguments: []\n    route: native\n    route: native\n    reason: Yes.\n"), 6, "twice");
  expect_problem(call("    arguments: []\n    route: native\n    color: red\n    reason: Yes.\n"), 6, "unknown key 'color'");
  expect_problem(call("    arguments: []\n    route: nativ\n    reason: Yes.\n"), 2, "unknown route 'nativ'");
  expect_problem(call("    arguments: [pid, colour]\n    route: native\n    reason: Yes.\n"), 4,
                 "unknown kind of argument 'colour'");
  expect_problem(call("    arguments: [pid, pid, pid, pid, pid, pid, pid]\n    route: native\n    reason: Yes.\n"), 2,
                 "at most six");
  expect_problem(call("    arguments: []\n    route: native\n"), 2, "needs a reason");
  expect_problem(call("    arguments: []\n    route: native\n    reason: no sentence\n"), 6, "a reason is a sentence");
  expect_problem(call("    arguments: []\n    route: refused\n    reason: Yes.\n"), 2, "'errno' is missing");
  expect_problem(call("    arguments: []\n    route: refused\n    errno: 5\n    reason: Yes.\n"), 6, "'5' is no valid errno");
  expect_problem(call("    arguments: []\n    route: native\n    errno: EIO\n    reason: Yes.\n"), 6,
                 "only what is refused has an errno");
  expect_problem(call("    arguments: []\n    route: native\n    pending: true\n    reason: Yes.\n"), 2,
                 "only for calls that the monitor");
  expect_problem(call("    arguments: []\n    route: monitor\n    pending: yes\n"), 6, "'pending' is true or not there");
  expect_problem(call("    arguments: []\n    route: argument\n    otherwise: native\n    reason: Yes.\n"), 2, "has rules");
  expect_problem(call("    arguments: [pid]\n    route: argument\n    rules:\n      - {argument: 0, equals: 1, route: "
                      "native}\n    reason: Yes.\n"),
                 2, "has 'otherwise'");
}

TEST_F(TableSpec, NamesTheLineOfAWrongRule) {
  const auto rule = [](const std::string& text) {
    return call("    arguments: [pid, size]\n    route: argument\n    rules:\n      - " + text +
                "\n    otherwise: native\n    reason: Yes.\n");
  };
  expect_problem(rule("{argument: 6, equals: 1, route: native}"), 7, "index");
  expect_problem(rule("{argument: 0, route: native}"), 7, "no comparison");
  expect_problem(rule("{route: native}"), 7, "needs 'argument' or 'match'");
  expect_problem(rule("{argument: 0, equals: 1, not_equals: 2, route: native}"), 7, "more than one comparison");
  expect_problem(rule("{argument: 0, equals: 1, width: 32, route: native}"), 7, "says what the argument's kind says");
  expect_problem(rule("{argument: 0, equals: 1, width: 16, route: native}"), 7, "must be 32 or 64");
  expect_problem(rule("{argument: 0, equals: [1, 1], route: native}"), 7, "twice");
  expect_problem(rule("{argument: 0, equals: [], route: native}"), 7, "no value");
  expect_problem(rule("{argument: 0, equals: system(0), route: native}"), 7, "a number, or names");
  expect_problem(rule("{argument: 0, any_bits: 1, mask: 3, route: native}"), 7, "'mask' goes with");
  expect_problem(rule("{argument: 0, equals: 1, route: argument}"), 7, "not possible here");
  expect_problem(rule("{argument: 0, equals: 1, if: [sunny], route: native}"), 7, "unknown condition 'sunny'");
  expect_problem(rule("{argument: 0, equals: 1, if: [own_network, \"!own_network\"], route: native}"), 7, "twice");
  expect_problem(rule("{argument: 0, equals: 1, if: own_network, route: native}"), 7, "list of conditions");
}

TEST_F(TableSpec, NumbersAscendAndNamesAreUnique) {
  const std::string first = "syscalls:\n  - {number: 7, name: poll, arguments: [], route: monitor}\n";
  expect_problem(first + "  - {number: 7, name: other, arguments: [], route: monitor}\n", 3, "not above");
  expect_problem(first + "  - {number: 6, name: other, arguments: [], route: monitor}\n", 3, "not above");
  expect_problem(first + "  - {number: 8, name: poll, arguments: [], route: monitor}\n", 3, "twice");
  expect_problem(first + "  - {number: x, name: other, arguments: [], route: monitor}\n", 3, "no valid number");
}

TEST_F(TableSpec, AFileThatIsNotThereIsAProblem) { EXPECT_EQ(read_spec("/nonexistent/table.yaml").problems.size(), 1U); }

}  // namespace
}  // namespace litebox::table::generator
