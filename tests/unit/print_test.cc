// The table as `litebox syscalls` shows it.
#include "shim/table/print.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace litebox::table {
namespace {

TEST(Print, Formats) {
  EXPECT_EQ(*parse_format("json"), Format::json);
  EXPECT_EQ(*parse_format("table"), Format::table);
  EXPECT_EQ(*parse_format("markdown"), Format::markdown);
  EXPECT_FALSE(parse_format("yaml").ok());
}

TEST(Print, JsonHoldsTheWholeTable) {
  const nlohmann::json json = nlohmann::json::parse(print(Format::json));
  ASSERT_EQ(json["syscalls"].size(), entries().size());
  ASSERT_EQ(json["hypercalls"].size(), hypercalls().size());
  for (size_t i = 0; i < entries().size(); ++i) {
    const nlohmann::json& one = json["syscalls"][i];
    const Entry& entry = entries()[i];
    EXPECT_EQ(one["number"], entry.number);
    EXPECT_EQ(one["name"], entry.name);
    EXPECT_EQ(one["route"], name(entry.decision.route));
    EXPECT_EQ(one["arguments"].size(), entry.arguments.size());
    EXPECT_EQ(one.contains("errno"), entry.decision.route == Route::refused);
    EXPECT_EQ(one.value("rules", nlohmann::json::array()).size(), entry.rules.size());
    EXPECT_EQ(one.value("when", nlohmann::json::array()).size(), entry.overrides.size());
  }
}

TEST(Print, JsonOfARule) {
  const nlohmann::json json = nlohmann::json::parse(print(Format::json));
  const auto sendto =
      std::find_if(json["syscalls"].begin(), json["syscalls"].end(), [](const auto& one) { return one["name"] == "sendto"; });
  ASSERT_NE(sendto, json["syscalls"].end());
  const nlohmann::json& match = (*sendto)["rules"][0]["match"][0];
  EXPECT_EQ(match["argument"], 4);
  EXPECT_EQ(match["width"], 64);
  EXPECT_EQ(match["values"][0]["value"], 0);
  EXPECT_EQ((*sendto)["otherwise"]["route"], "monitor");
}

TEST(Print, TableAndMarkdownNameEveryCall) {
  const std::string table = print(Format::table);
  const std::string markdown = print(Format::markdown);
  for (const Entry& entry : entries()) {
    const std::string number = std::to_string(entry.number);
    EXPECT_NE(markdown.find("| " + number + " | " + std::string(entry.name) + " | "), std::string::npos) << entry.name;
    EXPECT_NE(table.find("\n" + number + std::string(5 - number.size(), ' ') + std::string(entry.name) + " "),
              std::string::npos)
        << entry.name;
  }
  EXPECT_NE(table.find("\n" + std::string(30, ' ') + "monitor            if argument 0 has any of CLONE_PARENT\n"),
            std::string::npos);
}

TEST(Print, MarkdownRowsHaveFourCells) {
  std::istringstream lines(print(Format::markdown));
  std::string line;
  bool calls = false;
  while (std::getline(lines, line)) {
    calls = calls || line.starts_with("| number");
    if (!calls) continue;
    size_t bars = 0;
    for (size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    EXPECT_EQ(bars, 5U) << line;
  }
  EXPECT_TRUE(calls);
}

TEST(Print, Comparisons) {
  const Constant values[] = {{"A", 1}, {"B", 2}};
  const Constant zero[] = {{"0", 0}};
  EXPECT_EQ(describe(Match{1, 32, false, {{}, 0xffffffff}, values}), "argument 1 is A or B");
  EXPECT_EQ(describe(Match{1, 32, true, {{}, 0xffffffff}, values}), "argument 1 is not A nor B");
  EXPECT_EQ(describe(Match{0, 32, true, {"X|Y", 3}, zero}), "argument 0 has any of X|Y");
  EXPECT_EQ(describe(Match{0, 32, false, {"X|Y", 3}, zero}), "argument 0 has none of X|Y");
  EXPECT_EQ(describe(Match{0, 32, false, {"M", 3}, values}), "argument 0 & M is A or B");
}

}  // namespace
}  // namespace litebox::table
