// Pages of the program's own code that are given back, and come again.
#include "base/program_pages.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace litebox {
namespace {

// Of the program's file: mapped, and only to be read.
size_t resident_kib() {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::ifstream smaps("/proc/self/smaps");
  size_t sum = 0;
  bool counted = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    words >> first >> second;
    if (first.back() != ':') {
      counted = line.find(program) != std::string::npos && second[0] == 'r' && second[2] == 'x';
    } else if (counted && first == "Rss:") {
      sum += std::stoul(second);
    }
  }
  return sum;
}

TEST(ProgramPages, AreGivenBackAndComeAgain) {
  static int variable = 1;
  static const std::string made_at_start = "a text that is longer than what fits into a string itself";
  variable = 2;
  // Everything is read once, so that there is something to give back.
  for (int i = 0; i < 3; ++i) (void)resident_kib();
  const size_t before = resident_kib();
  release_program_pages();
  const size_t after = resident_kib();
  EXPECT_LT(after, before);
  EXPECT_GT(after, 0U);
  EXPECT_EQ(variable, 2);
  EXPECT_EQ(made_at_start.size(), 57U);
  EXPECT_THROW(throw std::runtime_error("unwound through pages that have gone"), std::runtime_error);
}

}  // namespace
}  // namespace litebox
