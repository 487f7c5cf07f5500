// What a guest can reach natively: the security boundary, as a list that people have reviewed (native_surface.txt).
//
// A difference means that the boundary has moved. If that is meant, write the list anew and read the difference:
//   LITEBOX_WRITE_NATIVE_SURFACE=1 build/tests/unit/native_surface_test
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "shim/filter/filter.h"
#include "shim/table/print.h"
#include "shim/table/table.h"
#include "tests/unit/bpf_interpreter.h"

namespace litebox::table {
namespace {

constexpr unsigned kCombinations = 1U << kConditionCount;
constexpr size_t kLimit = 167;

std::filesystem::path reviewed_file() { return std::filesystem::path(LITEBOX_SOURCE_DIR) / "tests/unit/native_surface.txt"; }

Conditions combination(unsigned bits) { return conditions_of(static_cast<ConditionBits>(bits)); }

// A rule as lines of the list: one for each value where it compares one argument with a list.
std::vector<std::string> lines_of(const Rule& rule) {
  std::vector<std::string> lines;
  if (rule.matches.size() == 1 && rule.matches.front().values.size() > 1) {
    for (const Constant& constant : rule.matches.front().values) {
      Match one = rule.matches.front();
      one.values = std::span(&constant, 1);
      lines.push_back(describe(one));
    }
    return lines;
  }
  std::string text;
  for (const Match& match : rule.matches) text += (text.empty() ? "" : " and ") + describe(match);
  return {text};
}

// The combinations of conditions under which a line holds, as the fewest and shortest terms that cover nothing else.
std::string describe_combinations(const std::set<unsigned>& combinations) {
  std::vector<When> terms;
  for (unsigned required = 0; required < kCombinations; ++required) {
    for (unsigned forbidden = 0; forbidden < kCombinations; ++forbidden) {
      if ((required & forbidden) != 0) continue;
      bool inside = true;
      for (unsigned bits = 0; bits < kCombinations; ++bits) {
        if ((bits & required) == required && (bits & forbidden) == 0 && !combinations.contains(bits)) inside = false;
      }
      if (inside) terms.push_back({static_cast<ConditionBits>(required), static_cast<ConditionBits>(forbidden)});
    }
  }
  std::string text;
  for (const When& term : terms) {
    bool shortest = true;
    for (const When& other : terms) {
      const bool wider =
          (other.required & term.required) == other.required && (other.forbidden & term.forbidden) == other.forbidden;
      const bool same = other.required == term.required && other.forbidden == term.forbidden;
      if (wider && !same) shortest = false;
    }
    if (shortest) text += (text.empty() ? "" : ", or ") + describe(term);
  }
  return text;
}

// "number name: rule" -> the combinations of conditions under which it is native.
using Surface = std::map<std::pair<int64_t, std::string>, std::set<unsigned>>;

Surface native_surface() {
  Surface surface;
  for (unsigned bits = 0; bits < kCombinations; ++bits) {
    const Conditions conditions = combination(bits);
    for (const Entry& entry : entries()) {
      const Decision decision = entry.route(conditions);
      const std::string prefix = std::to_string(entry.number) + " " + std::string(entry.name);
      if (decision.route == Route::native) surface[{entry.number, prefix}].insert(bits);
      if (decision.route != Route::argument) continue;
      for (const Rule& rule : entry.rules) {
        if (rule.decision.route != Route::native || !rule.when.holds(conditions)) continue;
        for (std::string line : lines_of(rule)) {
          line.insert(0, ": ").insert(0, prefix);
          surface[{entry.number, line}].insert(bits);
        }
      }
      if (entry.otherwise.route == Route::native) surface[{entry.number, prefix + ": all else"}].insert(bits);
    }
  }
  return surface;
}

std::string text_of(const Surface& surface) {
  std::ostringstream out;
  for (const auto& [key, combinations] : surface) {
    out << key.second;
    if (combinations.size() != kCombinations) out << " [" << describe_combinations(combinations) << "]";
    out << '\n';
  }
  return out.str();
}

TEST(NativeSurface, IsTheReviewedOne) {
  const std::string text = text_of(native_surface());
  if (std::getenv("LITEBOX_WRITE_NATIVE_SURFACE") != nullptr) {
    std::ofstream file(reviewed_file());
    file << text;
    file.close();
    ASSERT_TRUE(file) << reviewed_file();
    GTEST_SKIP() << "wrote " << reviewed_file();
  }
  std::ifstream file(reviewed_file());
  ASSERT_TRUE(file) << reviewed_file();
  std::ostringstream reviewed;
  reviewed << file.rdbuf();
  EXPECT_EQ(text, reviewed.str()) << "what a guest can reach natively is not what was reviewed";
}

TEST(NativeSurface, IsSmall) {
  std::set<int64_t> numbers;
  for (const auto& [key, combinations] : native_surface()) numbers.insert(key.first);
  EXPECT_LT(numbers.size(), kLimit);
  RecordProperty("numbers", static_cast<int>(numbers.size()));
}

// The filter itself lets through no number that is not on the list, whatever the arguments' low and high bits.
TEST(NativeSurface, TheFilterAllowsNothingElse) {
  const Surface surface = native_surface();
  for (unsigned bits = 0; bits < kCombinations; ++bits) {
    std::set<int64_t> listed;
    for (const auto& [key, combinations] : surface) {
      if (combinations.contains(bits)) listed.insert(key.first);
    }
    const std::vector<sock_filter> program = filter::compile(combination(bits));
    uint64_t state = 0x9e3779b97f4a7c15;  // xorshift: arguments that are the same in every run
    for (int64_t number = -16; number < 2048; ++number) {
      if (listed.contains(number)) continue;
      for (int round = 0; round < 16; ++round) {
        std::array<uint64_t, 6> arguments{};
        for (uint64_t& argument : arguments) {
          state ^= state << 13U;
          state ^= state >> 7U;
          state ^= state << 17U;
          argument = round == 0 ? 0 : state >> (state % 64U);
        }
        ASSERT_NE(test::run_filter(program, test::call_of(number, arguments)), uint32_t{SECCOMP_RET_ALLOW}) << number;
      }
    }
  }
}

}  // namespace
}  // namespace litebox::table
